"""The grid cell of each pixel, on the network's input or on the photo."""

from __future__ import annotations

import torch
from torch import Tensor

from fovea.models.geometry import Geometry, seen_along
from fovea.models.grids import Axis, PatchGrid


def of_input(grid: PatchGrid, height: int, width: int) -> Tensor:
    """int64 (row, column): the cell, row · columns + column, of each pixel of the input; −1 where
    no patch fitted.
    """
    whole = Geometry(width, height, width, height, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    return of_photo(grid, whole)


def of_photo(grid: PatchGrid, geometry: Geometry) -> Tensor:
    """The same for each pixel of the photo; −1 also outside the crop. The centre of a pixel
    decides.
    """
    (a, _, c), (_, e, f) = geometry.image_to_input
    down, across = geometry.axes(grid)
    x = a * (torch.arange(geometry.image_width, dtype=torch.float64) + 0.5) + c
    y = e * (torch.arange(geometry.image_height, dtype=torch.float64) + 0.5) + f
    rows = _along(y, down, grid.rows, geometry.input_height)
    columns = _along(x, across, grid.columns, geometry.input_width)
    cells = rows[:, None] * grid.columns + columns
    return torch.where((rows[:, None] < 0) | (columns < 0), -1, cells)


def _along(position: Tensor, axis: Axis, cells: int, length: int) -> Tensor:
    start, end = seen_along(axis, cells, length)
    index = ((position - axis.origin) / axis.stride).floor().long().clamp(0, cells - 1)
    return torch.where((position >= start) & (position < end), index, -1)
