"""The order in which a map's cells change, and the steps at which the network is evaluated."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


def order(values: Tensor, seed: int = 0) -> Tensor:
    """The cells of a map from the highest to the lowest value: int64 (cell,).

    values: (row, column), or any shape; cells are numbered in its order. Ties are ordered randomly,
    determined by `seed`, so that a map with few distinct values favours no corner. NaN is lowest.
    """
    flat = values.detach().double().flatten().cpu()
    flat = torch.where(torch.isnan(flat), -torch.inf, flat)
    shuffled = torch.randperm(flat.numel(), generator=torch.Generator().manual_seed(seed))
    return shuffled[torch.sort(flat[shuffled], descending=True, stable=True).indices]


def schedule(cells: int, steps: int) -> tuple[int, ...]:
    """The numbers of changed cells, from 0 to `cells`, at which the network is evaluated, in at
    most `steps` passes.

    All of them if that fits; else 0, 1, 2, 4, … doubling if that fits, else evenly spaced. Raises
    ValueError for fewer than 2 steps: a curve has two ends.
    """
    if steps < 2:
        raise ValueError(f"a curve takes at least 2 passes, its two ends; {steps} were allowed")
    if cells + 1 <= steps:
        return tuple(range(cells + 1))
    doubling = [0, *(2**power for power in range(cells.bit_length()) if 2**power < cells), cells]
    if len(doubling) > steps:
        return _even(cells, steps)
    # Remaining passes fill the widest gaps that doubling leaves.
    counts = sorted(doubling)
    while len(counts) < steps:
        gap, start = max((b - a, -a) for a, b in pairwise(counts))
        counts = sorted([*counts, -start + gap // 2])
    return tuple(counts)


def _even(cells: int, steps: int) -> tuple[int, ...]:
    return tuple(sorted({round(cells * step / (steps - 1)) for step in range(steps)}))


def ranks(values: Tensor) -> Tensor:
    """The rank of each value, from 1; ties share their mean rank: float64 (cell,)."""
    flat = values.detach().double().flatten().cpu()
    _, inverse, counts = torch.unique(flat, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    mean_ranks: Tensor = last - (counts.double() - 1) / 2
    return mean_ranks[inverse]


def spearman(one: Tensor, other: Tensor) -> float:
    """Spearman's ρ: the correlation of the ranks, from −1 to 1; NaN if either is constant.

    one, other: values of the same cells in the same order.
    """
    if one.numel() != other.numel():
        raise ValueError(f"{one.numel()} values cannot be ranked against {other.numel()}")
    first, second = ranks(one), ranks(other)
    first, second = first - first.mean(), second - second.mean()
    scale = (first.square().sum() * second.square().sum()).sqrt()
    return float((first * second).sum() / scale) if scale > 0 else float("nan")
