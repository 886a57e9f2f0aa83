"""Where truth is known: does the map mark what is there?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE_PX = 15
"""How far beside the object the highest place may lie (Zhang et al. 2016, section 4.2)."""


@dataclass(frozen=True, slots=True)
class Truth:
    """How a map agrees with a mask.

    hit: whether its highest place lies in the mask, or within TOLERANCE_PX of it (the pointing
    game) · mass: the share of its positive values inside · iou: at the threshold that is best for
    it · threshold: that one.
    """

    hit: bool
    mass: float
    iou: float
    threshold: float


def agreement(values: Tensor, mask: Tensor, tolerance_px: float = TOLERANCE_PX) -> Truth:
    """A map and a boolean mask, both (row, column) over the same pixels.

    Of several highest places the one nearest to the mask's own middle does not count for more:
    the first in reading order is taken. Raises ValueError where the mask is empty or the shapes
    differ.
    """
    if values.shape != mask.shape:
        raise ValueError(f"a map of {tuple(values.shape)} against a mask of {tuple(mask.shape)}")
    if not bool(mask.any()):
        raise ValueError("the mask is empty: there is nothing to point at")
    values = torch.nan_to_num(values.double(), nan=-torch.inf)
    row, column = divmod(int(values.argmax()), values.shape[1])
    there = mask.nonzero().double()
    away = (there - torch.tensor([row, column], dtype=torch.float64)).square().sum(1).min().sqrt()
    positive = values.clamp(min=0)
    total = float(positive.sum())
    iou, threshold = _best_iou(values, mask)
    return Truth(
        hit=float(away) <= tolerance_px,
        mass=float(positive[mask].sum()) / total if total > 0 else float("nan"),
        iou=iou,
        threshold=threshold,
    )


def _best_iou(values: Tensor, mask: Tensor) -> tuple[float, float]:
    """(IoU, threshold) over all thresholds: pixels at or above it are what the map marks."""
    flat, inside = values.flatten(), mask.flatten()
    sorted_values, places = flat.sort(descending=True)
    hits = inside[places].double().cumsum(0)
    marked = torch.arange(1, len(flat) + 1, dtype=torch.float64)
    union = marked + inside.sum() - hits
    # A threshold marks all that is equal to it: only the last of equal values is one.
    last = torch.ones_like(inside)
    last[:-1] = sorted_values[:-1] != sorted_values[1:]
    iou = torch.where(last, hits / union, -1.0)
    best = int(iou.argmax())
    return float(iou[best]), float(sorted_values[best])
