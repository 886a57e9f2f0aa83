"""Paired timing: contenders alternate, so that other load on the machine affects them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one contender, one entry for each round; `against` pairs the rounds of two."""

    seconds: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.seconds) * 1000

    def against(self, base: Timing) -> float:
        """The median over rounds of this contender's time over the base's in the same round."""
        pairs = zip(self.seconds, base.seconds, strict=True)
        return statistics.median(own / other for own, other in pairs)


def take_turns(
    contenders: Sequence[Callable[[], object]],
    rounds: int,
    pause_s: float = 0.0,
    *,
    warm_up: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Timing]:
    """One Timing for each contender, after an uncounted round (unless warm_up is False).

    Every second round runs backwards, so that no contender always follows the same one. pause_s:
    before each call, for contenders in different processes: OpenMP threads keep spinning for a
    while after a pass and would occupy the other's cores. clock: on a busy machine,
    time.process_time on one thread still measures the work.
    """
    seconds: list[list[float]] = [[] for _ in contenders]
    for turn in range(-1 if warm_up else 0, rounds):
        order = range(len(contenders)) if turn % 2 else reversed(range(len(contenders)))
        for index in order:
            time.sleep(pause_s)
            start = clock()
            contenders[index]()
            if turn >= 0:
                seconds[index].append(clock() - start)
    return [Timing(tuple(times)) for times in seconds]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, readable in a terminal."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, *rows)
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
