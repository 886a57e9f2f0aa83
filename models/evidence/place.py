"""A score relative to the baselines: how many times faster than chance, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of `n` baseline scores."""

    mean: float
    spread: float
    n: int


def spread_of(scores: Sequence[float]) -> Spread:
    """Raises ValueError for fewer than two scores, whose spread is unknown."""
    if len(scores) < 2:
        raise ValueError("the spread of fewer than two scores is unknown")
    return Spread(fmean(scores), stdev(scores), len(scores))


@dataclass(frozen=True, slots=True)
class Place:
    """A map's area relative to its baselines'.

    against_random, against_centre, against_edges: how many times faster than that baseline the map
    changes the answer; None if the baseline does not change it. deviations: distance of the area
    from the random maps' mean in their standard deviations, positive for the better side.
    """

    against_random: float | None
    against_centre: float | None
    against_edges: float | None
    deviations: float

    @property
    def beyond_chance(self) -> bool:
        """Two standard deviations better than random."""
        return self.deviations >= 2


def place(
    area: float, start: float, random: Spread, centre: float, edges: float, *, lower: bool
) -> Place:
    """Rates how fast the probability leaves `start`, its value before any change.

    The speed of a curve is |start − area|, its mean change. lower: whether a lower area is better
    (deletion) or a higher one (insertion).
    """
    sign = 1 if lower else -1

    def speed(of: float) -> float:
        return sign * (start - of)

    def times(other: float) -> float | None:
        return speed(area) / speed(other) if speed(other) > 0 else None

    deviations = sign * (random.mean - area) / random.spread if random.spread > 0 else 0.0
    return Place(times(random.mean), times(centre), times(edges), deviations)
