"""The queue's slots: a bounded number of passes run or wait, for new photos and for maps that need
passes; more are refused.

A request that waits for a network to load or download gives its slot back and is first to get one
again. No client holds more than three quarters of the slots, so one client cannot lock the others
out. Used from the event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from fovea.server.engine.turns import CLIENT
from fovea.server.problems import QueueFull


class Places:
    """Queue slots. taken: in use. away: requests that gave theirs back; at most as many as there
    are slots, because each keeps a photo. wait_s: Retry-After of a refusal.
    """

    def __init__(self, count: int, wait_s: Callable[[], int] = lambda: 1) -> None:
        self.count, self.wait_s = count, wait_s
        self.most_of_one = count - count // 4
        self.taken = 0
        self.away = 0
        self.refused = 0
        self._of: Counter[str] = Counter()
        self._returning: deque[asyncio.Future[None]] = deque()

    @contextmanager
    def one(self) -> Iterator[Place]:
        """Holds a slot for the block; raises QueueFull if none is free."""
        self.check()
        self.taken += 1
        place = Place(self, CLIENT.get())
        try:
            yield place
        finally:
            if place.held:
                place.held = False
                self.give()

    def check(self) -> None:
        """Raises QueueFull if there is no slot now for whoever asks."""
        own = self._of[CLIENT.get()]
        if self.taken >= self.count:
            raise self._refusal("photos are being analysed already", self.count, self.taken)
        if own >= self.most_of_one:
            raise self._refusal("photos of yours are being analysed already", self.most_of_one, own)

    def count_of(self, client: str, more: int) -> None:
        """Adds to the number of slots that a client holds."""
        self._of[client] += more
        if not self._of[client]:
            del self._of[client]

    def _refusal(self, told: str, limit: int, actual: int) -> QueueFull:
        self.refused += 1
        headers = {"Retry-After": str(self.wait_s())}
        return QueueFull(f"{actual} {told}.", limit=limit, actual=actual, headers=headers)

    def give(self) -> None:
        """Frees a slot: requests that come back get it before newcomers."""
        while self._returning:
            first = self._returning.popleft()
            if not first.done():
                first.set_result(None)
                return
        self.taken -= 1

    async def take_back(self) -> None:
        """Waits for a slot in order of arrival; a cancelled caller gets none."""
        if self.taken < self.count:
            self.taken += 1
            return
        mine = asyncio.get_running_loop().create_future()
        self._returning.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given a slot but leaves before using it
                self.give()
            raise


class Place:
    """One slot of the queue."""

    def __init__(self, places: Places, client: str) -> None:
        self._places, self._client = places, client
        self.held = True

    @property
    def held(self) -> bool:
        """Whether the slot counts for its client."""
        return self._held

    @held.setter
    def held(self, held: bool) -> None:
        self._held = held
        self._places.count_of(self._client, 1 if held else -1)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Gives the slot back during the block and takes one again after it. Raises QueueFull if
        too many requests are away already.
        """
        places = self._places
        if places.away >= places.count:
            raise places._refusal(
                "photos wait for their networks already", places.count, places.away
            )
        self.held = False
        places.away += 1
        places.give()
        try:
            yield
            await places.take_back()
            self.held = True
        finally:
            places.away -= 1
