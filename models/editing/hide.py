"""Hides cells of a photo before preprocessing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from fovea.models.edits import RefusedEdit
from fovea.models.evidence.cells import of_photo
from fovea.models.evidence.fills import FILLS, filled
from fovea.models.geometry import Geometry
from fovea.models.grids import PatchGrid


@dataclass(frozen=True, eq=False, slots=True)
class Hiding:
    """A photo whose cells can be hidden.

    photo, instead: uint8 (3, row, column), the original and the replacement pixels. cells: int64
    (row, column), the cell of each pixel, −1 for none.
    """

    photo: Tensor
    instead: Tensor
    cells: Tensor
    grid: PatchGrid

    def without(self, hidden: Iterable[tuple[int, int]]) -> Tensor:
        """The photo with the pixels of these cells, (row, column), replaced."""
        chosen = torch.zeros(self.grid.rows * self.grid.columns + 1, dtype=torch.bool)
        for row, column in hidden:
            chosen[row * self.grid.columns + column] = True
        # −1, pixels without a cell, is the last entry, which is never hidden.
        return torch.where(chosen[self.cells], self.instead, self.photo)


def hiding(
    photo: Tensor, geometry: Geometry, grid: PatchGrid, fill: str = "mean", seed: int = 0
) -> Hiding:
    """Prepares a photo, uint8 (3, row, column), for hiding cells of this grid.

    fill: the photo's mean colour, its blur, grey, or noise determined by `seed`. Raises RefusedEdit
    for another fill.
    """
    if fill not in FILLS:
        raise RefusedEdit(f"There is no fill {fill[:50]!r}.", f"Valid: {', '.join(FILLS)}.")
    instead = filled(photo.float() / 255, fill, seed)  # type: ignore[arg-type]
    painted = (instead * 255).round().clamp(0, 255).to(torch.uint8)
    return Hiding(photo, painted, of_photo(grid, geometry), grid)


def hide_cells(
    photo: Tensor,
    geometry: Geometry,
    grid: PatchGrid,
    cells: Iterable[tuple[int, int]],
    fill: str = "mean",
    seed: int = 0,
) -> Tensor:
    """The photo, uint8 (3, row, column), with the pixels of these cells replaced.

    geometry, grid: of the site whose cells (row, column) are named; the rest as for `hiding`.
    """
    return hiding(photo, geometry, grid, fill, seed).without(cells)
