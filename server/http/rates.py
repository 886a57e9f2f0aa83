"""Rate limits: a token bucket for each client that holds a minute's requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from time import monotonic

from fovea.server.problems import RateLimited

REMEMBERED = 10_000
"""Maximum number of clients; the longest idle one is dropped, its bucket being full."""


class Rates:
    """per_minute: allowed requests; None for no limit."""

    def __init__(self, per_minute: int | None, clock: Callable[[], float] = monotonic) -> None:
        self.per_minute, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Counts a request; raises RateLimited with the time until the next is allowed."""
        if self.per_minute is None:
            return
        now, rate = self._clock(), self.per_minute / 60
        left, then = self._buckets.pop(client, (float(self.per_minute), now))
        left = min(float(self.per_minute), left + (now - then) * rate)
        allowed = left >= 1
        self._buckets[client] = (left - allowed, now)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, ceil((1 - left) / rate))
            raise RateLimited(
                f"At most {self.per_minute} requests a minute are answered.",
                limit=self.per_minute,
                headers={"Retry-After": str(wait)},
            )
