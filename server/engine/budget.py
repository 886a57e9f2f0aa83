"""One budget of bytes for work in flight: uploads on their way, decoding, drawing, encoding.

What does not fit waits its turn, for a while and in a bounded line, and is refused with 429 then.
Uploads have an eighth of it for themselves: they wait for nothing while they hold it, and the rest
never waits for uploads, so the two cannot wait for each other. Used from the event loop.
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
"""Share of the budget that uploads have."""

OVERTAKEN_S = 5.0
"""So long smaller work may pass a larger one by that does not fit yet."""

SMOOTHING = 0.3
LONGEST_WAIT_S = 60


@dataclass(eq=False, slots=True)
class _Waiter:
    nbytes: int
    turn: asyncio.Future[None]
    since: float = field(default_factory=monotonic)


class Budget:
    """most_waiting: so many may wait at a time, for `patience_s` each. wait_s: what a refusal tells
    as the time to come back, unless work took longer of late. newest_first: the last that came is
    the first to be let in, so that a crowd that wants nothing does not have to be waited for.
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
        """So many bytes while the block runs; raises as `take` does."""
        share = await self.take(nbytes)
        try:
            yield share
        finally:
            share.keep(0)

    async def take(self, nbytes: int) -> Share:
        """So many bytes until they are given back (`keep(0)`). Raises TooManyPixels where they are
        more than there are in all, QueueFull where too many wait or it takes too long.
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
        """Some work held bytes for so long."""
        self._seconds += SMOOTHING * (seconds - self._seconds)

    def give(self, nbytes: int) -> None:
        """Frees bytes: for the first who waits, and for those behind that fit beside him."""
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
                self._call()  # Those behind need not wait for it any more.
            elif waiter.turn.done() and not waiter.turn.cancelled():
                self.give(nbytes)  # It was its turn just as it left.
            if isinstance(error, TimeoutError):
                raise self._refusal() from None
            raise

    def _fits(self, nbytes: int) -> bool:
        return self.held + nbytes <= self.nbytes

    def _overdue(self) -> bool:
        """Whether the first in the line has been passed by for long enough."""
        first = bool(self._waiting) and not self.newest_first
        return first and monotonic() - self._waiting[0].since > OVERTAKEN_S

    def _call(self) -> None:
        for waiter in tuple(reversed(self._waiting) if self.newest_first else self._waiting):
            if waiter.turn.done():  # It has given up, and has not had its turn to say so.
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
    """Bytes of a budget that some work holds."""

    def __init__(self, budget: Budget, nbytes: int) -> None:
        self._budget, self.nbytes, self._since = budget, nbytes, monotonic()

    def keep(self, nbytes: int) -> None:
        """Holds no more than that from now on."""
        if nbytes < self.nbytes:
            freed, self.nbytes = self.nbytes - nbytes, nbytes
            self._budget.give(freed)
            if not nbytes:
                self._budget.took(monotonic() - self._since)
