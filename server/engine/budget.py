"""A memory budget for work in progress: uploads, decoding, drawing, encoding.

Work that does not fit waits in a bounded line, for a limited time, and is then refused with 429. An
eighth is reserved for uploads: they wait for nothing while they hold it, and other work never waits
for uploads, so the two cannot deadlock. Used from the event loop.

Clients take turns in the line. Small work overtakes large work that does not fit yet: for a few
seconds freely, then only where it delays nothing, that is where the large work will still fit once
the largest share that is held ends (backfilling, as batch schedulers do it).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from fovea.server.engine.turns import CLIENT
from fovea.server.problems import QueueFull, TooManyPixels

UPLOADS = 0.125
"""Fraction of the budget reserved for uploads."""

OVERTAKEN_S = 5.0
"""How long smaller work may freely overtake a larger request that does not fit yet."""

PATIENCE_S = 30.0
"""How long work waits for its turn: several pictures of the largest size one after the other."""

SMOOTHING = 0.3
LONGEST_WAIT_S = 60


@dataclass(eq=False, slots=True)
class _Waiter:
    """round: how much of the same client was in work or in the line before it."""

    nbytes: int
    turn: asyncio.Future[Share]
    client: str
    round: int
    since: float = field(default_factory=monotonic)


class Budget:
    """A memory budget. most_waiting: maximum length of the line, each for up to `patience_s`.
    wait_s: Retry-After of a refusal, unless what is ahead will take longer, as work took lately.
    newest_first: serve the last arrival first, so that a crowd of idle requests does not block it.
    """

    def __init__(
        self,
        nbytes: int,
        most_waiting: int,
        patience_s: float = PATIENCE_S,
        wait_s: Callable[[], int] = lambda: 1,
        newest_first: bool = False,
    ) -> None:
        self.nbytes, self.most_waiting, self.patience_s = nbytes, most_waiting, patience_s
        self.wait_s, self.newest_first = wait_s, newest_first
        self.served = 0
        self.refused = 0
        self._shares: set[Share] = set()
        self._waiting: list[_Waiter] = []
        self._seconds = self._bytes = 0.0

    @property
    def held(self) -> int:
        return sum(share.nbytes for share in self._shares)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def hold(self, nbytes: int) -> AsyncIterator[Share]:
        """Holds that many bytes for the block; raises as `take` does."""
        share = await self.take(nbytes)
        try:
            yield share
        finally:
            share.keep(0)

    async def take(self, nbytes: int) -> Share:
        """Takes bytes until they are given back (`keep(0)`). Raises TooManyPixels if it is more
        than the whole budget, QueueFull if too many wait or the wait is too long.
        """
        if nbytes > self.nbytes:
            raise TooManyPixels(
                f"This would take about {nbytes >> 20} MiB of memory while it is worked on; at "
                f"most {self.nbytes >> 20} MiB are given to that.",
                hint="Make the picture smaller, or raise FOVEA_WORK_BUDGET_BYTES.",
                limit=self.nbytes,
                actual=nbytes,
            )
        share = await self._take(nbytes)
        self.served += 1
        return share

    def freed(self, share: Share) -> None:
        """A share holds less, or nothing any more: the line moves on."""
        if not share.nbytes:
            self._shares.discard(share)
            self._bytes += SMOOTHING * (share.taken - self._bytes)
            self._seconds += SMOOTHING * (monotonic() - share.since - self._seconds)
        self._call()

    async def _take(self, nbytes: int) -> Share:
        if self._may_go(nbytes, self._waiting[0] if self._waiting else None):
            return self._given(nbytes, CLIENT.get())
        if len(self._waiting) >= self.most_waiting:
            raise self._refusal()
        waiter = self._in_line(nbytes, CLIENT.get())
        try:
            async with asyncio.timeout(self.patience_s):
                return await waiter.turn
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._call()  # those behind it need not wait for it any more
            elif waiter.turn.done() and not waiter.turn.cancelled():
                waiter.turn.result().keep(0)  # it was granted just as it gave up
            if isinstance(error, TimeoutError):
                raise self._refusal() from None
            raise

    def _in_line(self, nbytes: int, client: str) -> _Waiter:
        own = sum(one.client == client for one in self._waiting)
        own += sum(share.client == client for share in self._shares)
        turn: asyncio.Future[Share] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(nbytes, turn, client, 0 if self.newest_first else own)
        self._waiting.append(waiter)
        if self.newest_first:
            self._waiting.sort(key=lambda one: one.since, reverse=True)
        else:
            self._waiting.sort(key=lambda one: (one.round, one.since))
        return waiter

    def _given(self, nbytes: int, client: str) -> Share:
        share = Share(self, nbytes, client)
        if nbytes:
            self._shares.add(share)
        return share

    def _may_go(self, nbytes: int, first: _Waiter | None) -> bool:
        """Whether it fits, and does not keep the first in the line waiting for too long."""
        held = self.held
        if held + nbytes > self.nbytes:
            return False
        if self.newest_first or first is None or monotonic() - first.since <= OVERTAKEN_S:
            return True
        largest = max((share.nbytes for share in self._shares), default=0)
        return held + nbytes - largest + first.nbytes <= self.nbytes

    def _call(self) -> None:
        first: _Waiter | None = None
        for waiter in tuple(self._waiting):
            if waiter.turn.done():  # it gave up, and could not say so yet
                continue
            if self._may_go(waiter.nbytes, first):
                self._waiting.remove(waiter)
                waiter.turn.set_result(self._given(waiter.nbytes, waiter.client))
            else:
                first = first or waiter

    def _wait_s(self) -> int:
        """When what is ahead will be done: work of more than half of the budget goes alone."""
        each = self._seconds / max(1.0, self._bytes)
        ahead = [share.nbytes for share in self._shares]
        ahead += [waiter.nbytes for waiter in self._waiting]
        wide = [1.0 if 2 * nbytes > self.nbytes else nbytes / self.nbytes for nbytes in ahead]
        expected = sum(each * nbytes * part for nbytes, part in zip(ahead, wide, strict=True))
        return max(self.wait_s(), min(LONGEST_WAIT_S, ceil(round(expected, 3))))

    def _refusal(self) -> QueueFull:
        self.refused += 1
        return QueueFull(
            "The server has as much in work as its memory allows.",
            limit=self.nbytes,
            actual=self.held,
            headers={"Retry-After": str(self._wait_s())},
        )


class Share:
    """Bytes of a budget held by some work of a client. taken: at first; since: when."""

    def __init__(self, budget: Budget, nbytes: int, client: str = "") -> None:
        self.nbytes = self.taken = nbytes
        self.client, self.since = client, monotonic()
        self._budget = budget

    def keep(self, nbytes: int) -> None:
        """Reduces what is held to that many bytes."""
        if nbytes < self.nbytes:
            self.nbytes = nbytes
            self._budget.freed(self)
