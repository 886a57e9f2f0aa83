"""Changing a gate while it runs: its factor is replaced before it multiplies the feature map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Factor:
    """value: what the factor becomes, or "mean" for its mean over this photo. channels, cells:
    where; all where both are None.
    """

    value: float | Literal["mean"]
    channels: tuple[int, ...] | None = None
    cells: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happens at one gate, in order."""

    factors: tuple[Factor, ...]


def edited(gate: Tensor, change: Change) -> Tensor:
    """(batch, channel, 1, 1) or (batch, 1, row, column) with other factors."""
    for one in change.factors:
        value: Tensor | float = one.value if one.value != "mean" else gate.mean(
            (1, 2, 3), keepdim=True
        ).expand_as(gate)
        here = _where(one, gate)
        gate = torch.where(here, torch.as_tensor(value).to(gate), gate)
    return gate


def _where(factor: Factor, gate: Tensor) -> Tensor:
    here = torch.zeros(gate.shape[1:], dtype=torch.bool, device=gate.device)
    if factor.channels is None and factor.cells is None:
        here[:] = True
    for channel in factor.channels or ():
        here[channel] = True
    for row, column in factor.cells or ():
        here[:, row, column] = True
    return here
