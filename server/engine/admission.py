"""The queue's places: so many photos and sentences are in work at a time, and more are refused.

Who waits for a network that is not in memory, and perhaps comes over a slow line, lends the place
to others for that while, and has one again before any newcomer gets it. Used from the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from fovea.server.problems import QueueFull


class Places:
    """taken: by what is in work. away: those that lent theirs; as many as there are places, at
    most, because each of them keeps a photo.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0
        self.away = 0
        self._returning: deque[asyncio.Future[None]] = deque()

    @contextmanager
    def one(self) -> Iterator[Place]:
        """A place until the block ends; raises QueueFull where none is free."""
        if self.taken >= self.count:
            raise QueueFull(
                f"{self.taken} photos are being analysed already.",
                limit=self.count,
                actual=self.taken,
            )
        self.taken += 1
        place = Place(self)
        try:
            yield place
        finally:
            if place.held:
                self.give()

    def give(self) -> None:
        """One place is free: for the first of those who come back, else for newcomers."""
        while self._returning:
            first = self._returning.popleft()
            if not first.done():
                first.set_result(None)
                return
        self.taken -= 1

    async def take_back(self) -> None:
        """Waits for a place, in the order of asking; a caller that is cancelled gets none."""
        if self.taken < self.count:
            self.taken += 1
            return
        mine = asyncio.get_running_loop().create_future()
        self._returning.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # It was given one, and leaves before it could use it.
                self.give()
            raise


class Place:
    """One place of the queue."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.held = True

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Without the place while the block runs, and with one again after it. Raises QueueFull
        where too many are away already.
        """
        places = self._places
        if places.away >= places.count:
            raise QueueFull(
                f"{places.away} photos wait for their networks already.",
                limit=places.count,
                actual=places.away,
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
