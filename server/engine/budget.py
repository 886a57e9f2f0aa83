"""A memory budget for work in progress: uploads, decoding, drawing, encoding.

Work that does not fit waits in a bounded line, for a limited time, and is then refused with 429. An
eighth is reserved for uploads: they wait for nothing while they hold it, and other work never waits
for uploads, so the two cannot deadlock. Used from the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from fovea.server.problems import QueueFull, TooManyPixels

UPLOADS = 0.125
"""Fraction of the budget reserved for uploads."""

OVERTAKEN_S = 5.0
"""How long smaller work may overtake a larger request that does not fit yet."""

SMOOTHING = 0.3
LONGEST_WAIT_S = 60


@dataclass(eq=False, slots=True)
class _Waiter:
    nbytes: int
    turn: asyncio.Future[None]
    since: float = field(default_factory=monotonic)


class Budget:
    """A memory budget. most_waiting: maximum length of the line, each for up to `patience_s`.
    wait_s: Retry-After of a refusal, unless recent work took longer. newest_first: serve the last
    arrival first, so that a crowd of idle requests does not block it.
    """

    def __init__(
        self,
        nbytes: int,
        most_waiting: int,
        patience_s: float = 10.0,
        wait_s: Callable[[], int] = lambda: 1,
        newest_first: bool = False,
    ) -> None:
        self.nbytes, self.most_waiting, self.patience_s = nbytes, most_waiting, patience_s
        self.wait_s, self.newest_first = wait_s, newest_first
        self.held = 0
        self.served = 0
        self.refused = 0
        self._seconds = 0.0
        self._waiting: deque[_Waiter] = deque()

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
        await self._take(nbytes)
        self.served += 1
        return Share(self, nbytes)

    def took(self, seconds: float) -> None:
        """Records how long some work held its bytes."""
        self._seconds += SMOOTHING * (seconds - self._seconds)

    def give(self, nbytes: int) -> None:
        """Frees bytes: first for the head of the line, then for others that fit."""
        self.held -= nbytes
        self._call()

    async def _take(self, nbytes: int) -> None:
        if self._fits(nbytes) and not self._overdue():
            self.held += nbytes
            return
        if len(self._waiting) >= self.most_waiting:
            raise self._refusal()
        waiter = _Waiter(nbytes, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self.patience_s):
                await waiter.turn
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._call()  # those behind it need not wait for it any more
            elif waiter.turn.done() and not waiter.turn.cancelled():
                self.give(nbytes)  # it was granted just as it gave up
            if isinstance(error, TimeoutError):
                raise self._refusal() from None
            raise

    def _fits(self, nbytes: int) -> bool:
        return self.held + nbytes <= self.nbytes

    def _overdue(self) -> bool:
        """Whether the head of the line has been overtaken for too long."""
        first = bool(self._waiting) and not self.newest_first
        return first and monotonic() - self._waiting[0].since > OVERTAKEN_S

    def _call(self) -> None:
        for waiter in tuple(reversed(self._waiting) if self.newest_first else self._waiting):
            if waiter.turn.done():  # it gave up, and could not say so yet
                continue
            if self._fits(waiter.nbytes):
                self._waiting.remove(waiter)
                self.held += waiter.nbytes
                waiter.turn.set_result(None)
            elif not self.newest_first and monotonic() - waiter.since > OVERTAKEN_S:
                return

    def _wait_s(self) -> int:
        return max(self.wait_s(), min(LONGEST_WAIT_S, round(self._seconds)))

    def _refusal(self) -> QueueFull:
        self.refused += 1
        return QueueFull(
            "The server has as much in work as its memory allows.",
            limit=self.nbytes,
            actual=self.held,
            headers={"Retry-After": str(self._wait_s())},
        )


class Share:
    """Bytes of a budget held by some work."""

    def __init__(self, budget: Budget, nbytes: int) -> None:
        self._budget, self.nbytes, self._since = budget, nbytes, monotonic()

    def keep(self, nbytes: int) -> None:
        """Reduces what is held to that many bytes."""
        if nbytes < self.nbytes:
            freed, self.nbytes = self.nbytes - nbytes, nbytes
            self._budget.give(freed)
            if not nbytes:
                self._budget.took(monotonic() - self._since)
