"""Hiding cells of a photo before it is prepared for a network."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fovea.models.edits import RefusedEdit
from fovea.models.evidence.cells import of_photo
from fovea.models.evidence.fills import FILLS, filled
from fovea.models.geometry import Geometry
from fovea.models.records import PatchGrid


def hide_cells(
    photo: Tensor,
    geometry: Geometry,
    grid: PatchGrid,
    cells: Iterable[tuple[int, int]],
    fill: str = "mean",
    seed: int = 0,
) -> Tensor:
    """The photo, uint8 (3, row, column), with the pixels of these cells replaced.

    geometry, grid: of the site whose cells (row, column) are named. fill: the photo's mean colour,
    its blur, grey, or noise that `seed` fixes. Raises RefusedEdit for another fill.
    """
    if fill not in FILLS:
        raise RefusedEdit(f"There is no fill {fill[:50]!r}.", f"Valid: {', '.join(FILLS)}.")
    hidden = torch.zeros(grid.rows * grid.columns + 1, dtype=torch.bool)
    for row, column in cells:
        hidden[row * grid.columns + column] = True
    # −1, what no cell covers, is the last entry, which is never hidden.
    where = hidden[of_photo(grid, geometry)]
    instead = filled(photo.float() / 255, fill, seed)  # type: ignore[arg-type]
    return torch.where(where, (instead * 255).round().clamp(0, 255).to(torch.uint8), photo)
