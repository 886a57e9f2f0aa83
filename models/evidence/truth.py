"""Compares a map with a known ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE_PX = 15
"""Tolerance of the pointing game in pixels (Zhang et al. 2016, section 4.2)."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Agreement between a map and a mask.

    hit: whether the map's maximum lies in the mask, or within TOLERANCE_PX of it (the pointing
    game) · mass: fraction of its positive values inside · iou: at the best threshold · threshold:
    that one.
    """

    hit: bool
    mass: float
    iou: float
    threshold: float


def agreement(values: Tensor, mask: Tensor, tolerance_px: float = TOLERANCE_PX) -> Truth:
    """Compares a map with a boolean mask, both (row, column) over the same pixels.

    Of several maxima the first in reading order is taken. Raises ValueError if the mask is empty or
    the shapes differ.
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
    """(IoU, threshold), best over all thresholds; pixels at or above the threshold count as
    marked.
    """
    flat, inside = values.flatten(), mask.flatten()
    sorted_values, places = flat.sort(descending=True)
    hits = inside[places].double().cumsum(0)
    marked = torch.arange(1, len(flat) + 1, dtype=torch.float64)
    union = marked + inside.sum() - hits
    # A threshold includes all equal values, so only the last of them is a candidate.
    last = torch.ones_like(inside)
    last[:-1] = sorted_values[:-1] != sorted_values[1:]
    iou = torch.where(last, hits / union, -1.0)
    best = int(iou.argmax())
    return float(iou[best]), float(sorted_values[best])
