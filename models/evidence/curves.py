"""Deletion and insertion: the class probability as a map's cells are hidden, or revealed, in order.

Petsiuk, Das & Saenko 2018, "RISE" (BMVC), section 4.2, on cells instead of single pixels, and with
the photo's own mean instead of zeros after normalisation. `rise` is their exact per-pixel protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.evidence.ranking import order

T = TypeVar("T")

Score = Callable[[Tensor], Tensor]
"""(picture, channel, row, column) → probability of the class for each: (picture,)."""

RISE_STEPS = 224
RISE_KERNEL, RISE_SIGMA_PX = 11, 5.0


@dataclass(frozen=True, slots=True)
class Curve:
    """shares: fraction of changed cells, 0…1 · probabilities: of the class after each."""

    shares: tuple[float, ...]
    probabilities: tuple[float, ...]

    @property
    def area(self) -> float:
        """The area under the curve, by the trapezoidal rule, over the fraction of cells from 0 to
        1.
        """
        shares = torch.tensor(self.shares, dtype=torch.float64)
        heights = torch.tensor(self.probabilities, dtype=torch.float64)
        return float(torch.trapezoid(heights, shares))


def curves(
    start: Tensor,
    end: Tensor,
    cells: Tensor,
    ranked: Mapping[str, Tensor],
    counts: Sequence[int],
    score: Score,
    batch: int = 8,
) -> dict[str, Curve]:
    """The class probability along the way from one picture to another, cell by cell, for each named
    order of the cells.

    start, end: (channel, row, column). cells: int64 (row, column), the cell of each pixel; pixels
    without a cell (−1) stay as in `start`. ranked: for each name the cells in the order in which
    they change. counts: numbers of changed cells at which `score` is evaluated, `batch` pictures at
    a time. The two end points are shared by all orders and evaluated once; `passes` gives the
    number of pictures.

    Deletion: from the photo to its fill. Insertion: from the blurred photo to the photo.
    """
    whole = len(next(iter(ranked.values())))
    when = {name: rank_of_pixels(cells, order) for name, order in ranked.items()}
    first = next(iter(when))
    asked = [(name if 0 < count < whole else first, count) for count in counts for name in ranked]
    asked = list(dict.fromkeys(asked))
    found: dict[tuple[str, int], float] = {}
    for some in _portions(asked, batch):
        changed = torch.stack([when[name] < count for name, count in some])[:, None]
        heights = score(torch.where(changed, end, start)).double().cpu().tolist()
        found |= dict(zip(some, heights, strict=True))
    shares = tuple(count / whole for count in counts)
    return {
        name: Curve(
            shares,
            tuple(found[name if 0 < count < whole else first, count] for count in counts),
        )
        for name in ranked
    }


def passes(orders: int, cells: int, counts: Sequence[int]) -> int:
    """The number of pictures that `curves` evaluates."""
    shared = sum(count in (0, cells) for count in counts)
    return shared + orders * (len(counts) - shared)


def curve(
    start: Tensor,
    end: Tensor,
    cells: Tensor,
    ranked: Tensor,
    counts: Sequence[int],
    score: Score,
    batch: int = 8,
) -> Curve:
    """The curve of a single order."""
    return curves(start, end, cells, {"": ranked}, counts, score, batch)[""]


def rank_of_pixels(cells: Tensor, ranked: Tensor) -> Tensor:
    """The rank of each pixel's cell in an order, from 0: int64 (row, column); the number of cells
    for pixels without a cell.
    """
    place = torch.empty_like(ranked)
    place[ranked] = torch.arange(len(ranked))
    return torch.where(cells >= 0, place.to(cells.device)[cells.clamp(min=0)], len(ranked))


def rise(values: Tensor, inputs: Tensor, score: Score, seed: int = 0) -> tuple[float, float]:
    """(deletion, insertion) as published by Petsiuk et al., for comparison with their figures.

    The area is (Σy − y₀/2 − y_n/2) / n of each `rise_curve`.
    """
    deleted, inserted = (
        rise_curve(values, inputs, score, insertion=insertion, seed=seed)
        for insertion in (False, True)
    )
    return mean_height(deleted), mean_height(inserted)


def rise_curve(
    values: Tensor, inputs: Tensor, score: Score, *, insertion: bool, seed: int = 0, batch: int = 8
) -> Curve:
    """The curve of RISE's protocol.

    values: the map, (row, column), upsampled bilinearly to the input. inputs: the normalised input,
    (channel, row, column). Pixels are set to zero after normalisation, 224 at a time at 224 × 224
    and in as many steps for other sizes; insertion starts from an 11 × 11 Gaussian blur with σ = 5.
    """
    height, width = inputs.shape[1:]
    large = F.interpolate(
        values.detach().double()[None, None], (height, width), mode="bilinear", align_corners=False
    )[0, 0]
    pixels = torch.arange(height * width, device=inputs.device).view(height, width)
    counts = _rise_counts(height, width)
    start, end = (_rise_blur(inputs), inputs) if insertion else (inputs, torch.zeros_like(inputs))
    return curve(start, end, pixels, order(large, seed), counts, score, batch)


def rise_passes(height: int, width: int) -> int:
    """The number of pictures that `rise_curve` evaluates."""
    return len(_rise_counts(height, width))


def _rise_counts(height: int, width: int) -> list[int]:
    a_step = max(1, round(height * width / RISE_STEPS))
    return [*range(0, height * width, a_step), height * width]


def mean_height(found: Curve) -> float:
    """(Σy − y₀/2 − y_n/2) / n: the area under evenly spaced probabilities."""
    y = found.probabilities
    return (sum(y) - y[0] / 2 - y[-1] / 2) / (len(y) - 1)


def _rise_blur(inputs: Tensor) -> Tensor:
    steps = torch.arange(RISE_KERNEL, dtype=inputs.dtype, device=inputs.device) - RISE_KERNEL // 2
    kernel = torch.exp(-steps.square() / (2 * RISE_SIGMA_PX**2))
    kernel = torch.outer(kernel, kernel)
    kernel = (kernel / kernel.sum()).expand(inputs.shape[0], 1, -1, -1)
    return F.conv2d(inputs[None], kernel, padding=RISE_KERNEL // 2, groups=inputs.shape[0])[0]


def _portions(asked: Sequence[T], batch: int) -> Iterator[Sequence[T]]:
    return (asked[start : start + batch] for start in range(0, len(asked), batch))
