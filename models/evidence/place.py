"""A score between the baselines: how much faster than chance, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, slots=True)
class Spread:
    """mean and standard deviation of `n` baselines' scores."""

    mean: float
    spread: float
    n: int


def spread_of(scores: Sequence[float]) -> Spread:
    """Raises ValueError for fewer than two, whose spread is unknown."""
    if len(scores) < 2:
        raise ValueError("the spread of fewer than two scores is unknown")
    return Spread(fmean(scores), stdev(scores), len(scores))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a map's area lies among its baselines'.

    against_random, against_centre, against_edges: how many times as fast as that baseline the map
    moves the answer; None where the baseline does not move it. deviations: how far the area lies on
    the good side of the random ones' mean, in their standard deviations.
    """

    against_random: float | None
    against_centre: float | None
    against_edges: float | None
    deviations: float

    @property
    def beyond_chance(self) -> bool:
        """Two standard deviations on the good side of random."""
        return self.deviations >= 2


def place(
    area: float, start: float, random: Spread, centre: float, edges: float, *, lower: bool
) -> Place:
    """How fast the answer leaves `start`, the probability before anything changes.

    The speed of a curve is |start − area|, the mean change over its course. lower: whether a lower
    area is better (deletion) or a higher one (insertion).
    """
    sign = 1 if lower else -1

    def speed(of: float) -> float:
        return sign * (start - of)

    def times(other: float) -> float | None:
        return speed(area) / speed(other) if speed(other) > 0 else None

    deviations = sign * (random.mean - area) / random.spread if random.spread > 0 else 0.0
    return Place(times(random.mean), times(centre), times(edges), deviations)
