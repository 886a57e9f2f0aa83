"""Edits a running spatial transformer: another θ, and the grid that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.edits import Edit, Matrix

IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True, slots=True)
class Change:
    """theta: (2, 3), from output to source coordinates, −1…1."""

    theta: Matrix


def edited(grid: Tensor, change: Change, align_corners: bool) -> tuple[Tensor, Tensor]:
    """(θ (batch, 2, 3), grid (batch, row, column, 2)): the same θ for every photo of a batch.

    grid: the network's own, of which only the shape is used.
    """
    theta = torch.tensor(change.theta, dtype=grid.dtype, device=grid.device)
    theta = theta.expand(grid.shape[0], 2, 3)
    batch, rows, columns, _ = grid.shape
    return theta, F.affine_grid(theta, [batch, 1, rows, columns], align_corners=align_corners)


def planned(edits: Sequence[Edit]) -> Change:
    """The last edit wins: each replaces θ."""
    return Change(edits[-1].theta or IDENTITY)
