"""Shadows: where a tensor's entries come from, and queries on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fovea.models.grids import Axis, Cells, PatchGrid

NOWHERE = -1
"""The cell of class, distillation and register tokens, of object queries and of padding."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The shadow of a tensor that derives from the photo but could not be followed.

    why: in words, if known. elsewhere: it is of another input than the photo, and beside tokens of
    the photo it has no place.
    """

    why: str = ""
    elsewhere: bool = False


LOST = Lost()

Shadow = Cells | Lost | None
"""cells: int32 of the tensor's shape, with their grid. LOST: derived from the photo at unknown
positions. None: independent of the photo (parameters, words).
"""


def constant(cells: Tensor, axis: int) -> bool:
    """Whether the cells are equal along an axis. Cheap for expanded axes."""
    if cells.shape[axis] <= 1 or cells.stride(axis) == 0:
        return True
    for other in range(cells.ndim):
        if cells.stride(other) == 0 and cells.shape[other] > 1:
            cells = cells.narrow(other, 0, 1)
    return bool((cells == cells.narrow(axis, 0, 1)).all())


def nowhere(cells: Tensor) -> bool:
    """Whether no entry has a position."""
    return bool((thin(cells) == NOWHERE).all())


def thin(cells: Tensor) -> Tensor:
    """The cells with every expanded axis narrowed to one entry."""
    for axis in range(cells.ndim):
        if cells.stride(axis) == 0 and cells.shape[axis] > 1:
            cells = cells.narrow(axis, 0, 1)
    return cells


def new_grid(*shape: int, axes: Sequence[Axis] | None = None) -> Cells:
    """A picture's cells, (1, 1, row, column), or a volume's, (1, 1, depth, row, column); LOST for a
    single cell.

    axes: their positions; by default each cell is a pixel of the input.
    """
    *deep, rows, columns = shape
    known = (Axis(),) * len(shape) if axes is None else tuple(axes)
    depth = deep[0] if deep else 1
    grid = PatchGrid(rows, columns, depth, known if depth > 1 else known[-2:])
    count = torch.arange(grid.cells, dtype=torch.int32)
    return Cells((count if grid.cells > 1 else count - 1).view(1, 1, *shape), grid)


def whole_picture(cells: Tensor, grid: PatchGrid) -> bool:
    """Whether cells, (row, column), (depth, row, column) or (cell,), cover the whole photo evenly
    and in order.
    """
    known = cells[cells != NOWHERE]
    if len(known) < 2 or not bool((known.diff() > 0).all()):
        return False
    each = [coordinate.unique() for coordinate in coordinates(known, grid)]
    if len(known) != math.prod(map(len, each)):
        return False
    # Every n-th row and column of a finer grid is also a picture; a part of it is not.
    return all(
        len(lines) * (int(lines[0]) + count - int(lines[-1])) >= count
        for lines, count in zip(each, grid.shape, strict=True)
    )


def coordinates(cells: Tensor, grid: PatchGrid) -> tuple[Tensor, ...]:
    """(row, column) of each cell, with a depth (depth, row, column)."""
    line, column = cells // grid.columns, cells % grid.columns
    if grid.depth == 1:
        return line, column
    return line // grid.rows, line % grid.rows, column


def axes_of(grid: PatchGrid) -> tuple[Axis, ...]:
    """The positions of a grid's cells; by default its own cells are the unit."""
    return grid.axes or (Axis(),) * len(grid.shape)
