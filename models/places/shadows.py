"""What is known of where a tensor's entries come from, and questions that can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fovea.models.records import Cells, PatchGrid

NOWHERE = -1
"""The cell of class, distillation and register tokens, of object queries and of padding."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The shadow of what comes from the photo in a way that could not be followed."""


LOST = Lost()

Shadow = Cells | Lost | None
"""cells: int32 of the tensor's shape, with the grid that they count. LOST: of the photo, but from
where is not known. None: not of the photo at all (parameters, words).
"""


def constant(cells: Tensor, axis: int) -> bool:
    """Whether the cells are the same all along an axis. Cheap where they were only expanded."""
    if cells.shape[axis] <= 1 or cells.stride(axis) == 0:
        return True
    for other in range(cells.ndim):
        if cells.stride(other) == 0 and cells.shape[other] > 1:
            cells = cells.narrow(other, 0, 1)
    return bool((cells == cells.narrow(axis, 0, 1)).all())


def nowhere(cells: Tensor) -> bool:
    """Whether no entry has a place."""
    return bool((thin(cells) == NOWHERE).all())


def thin(cells: Tensor) -> Tensor:
    """The cells with every expanded axis narrowed to one entry."""
    for axis in range(cells.ndim):
        if cells.stride(axis) == 0 and cells.shape[axis] > 1:
            cells = cells.narrow(axis, 0, 1)
    return cells


def new_grid(rows: int, columns: int) -> Cells:
    """A picture's cells, (1, 1, row, column); of a single one nothing can be said."""
    count = torch.arange(rows * columns, dtype=torch.int32)
    cells = count.view(1, 1, rows, columns) if rows * columns > 1 else count.view(1, 1, 1, 1) - 1
    return Cells(cells, PatchGrid(rows, columns))


def whole_picture(cells: Tensor, grid: PatchGrid) -> bool:
    """Whether cells, (row, column) or (cell,), cover the whole photo evenly and in order."""
    known = cells[cells != NOWHERE]
    if len(known) < 2 or not bool((known.diff() > 0).all()):
        return False
    rows, columns = (known // grid.columns).unique(), (known % grid.columns).unique()
    if len(known) != len(rows) * len(columns):
        return False
    # Every n-th row and column of a finer grid is a picture too; a part of it is not.
    return (
        len(rows) * (int(rows[0]) + grid.rows - int(rows[-1])) >= grid.rows
        and len(columns) * (int(columns[0]) + grid.columns - int(columns[-1])) >= grid.columns
    )
