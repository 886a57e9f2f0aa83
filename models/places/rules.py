"""How the cells of a tensor's entries change as the tensor does: one rule for a kind of function.

Rules take the shadows of a call's arguments and return that of its result, LOST where they cannot
tell. They never look at values, only at which entry came from where.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.places.shadows import (
    LOST,
    NOWHERE,
    Lost,
    Shadow,
    constant,
    new_grid,
    nowhere,
    thin,
    whole_picture,
)
from fovea.models.records import Cells, PatchGrid
from fovea.models.tracing.equations import spelled


def of_picture(shadow: Shadow, shape: torch.Size) -> Shadow:
    """Convolution, pooling, resizing, (batch, channel, row, column): a whole picture is counted
    anew; of one of many windows, or one of a picture's heads, every n-th cell is kept.
    """
    if not isinstance(shadow, Cells):
        return shadow
    cells = shadow.cells
    if cells.ndim != 4 or len(shape) != 4:
        return LOST
    if not constant(cells, 1):
        return LOST
    if nowhere(cells):
        return Cells(cells[:, :1, :1, :1], shadow.grid)
    same = constant(cells, 0)
    if same and whole_picture(cells[0, 0], shadow.grid):
        return new_grid(*shape[2:])
    if cells.shape[0] != shape[0]:
        return LOST
    down, across = (max(1, old // new) for old, new in zip(cells.shape[2:], shape[2:], strict=True))
    cells = cells[:, :1, ::down, ::across]
    return Cells(cells, shadow.grid) if cells.shape[2:] == shape[2:] else LOST


def of_sequence(shadow: Shadow, shape: torch.Size) -> Shadow:
    """Convolution along tokens, (batch, channel, token): as many come out, each where it was."""
    if not isinstance(shadow, Cells):
        return shadow
    cells = shadow.cells
    kept = cells.ndim == 3 and cells.shape[-1] == shape[-1] and constant(cells, 1)
    return Cells(cells[:, :1], shadow.grid) if kept else LOST


def of_fold(shadow: Shadow, shape: torch.Size) -> Shadow:
    """Patches put back side by side, (1, channel·patch, place) → (1, channel, row, column)."""
    if not isinstance(shadow, Cells):
        return shadow
    cells = shadow.cells
    if shape[0] == 1 and constant(cells, -2) and whole_picture(cells[0, 0], shadow.grid):
        return new_grid(*shape[2:])
    return LOST


def of_linear(shadow: Shadow) -> Shadow:
    """The features of a row, which may be of several cells (merged patches), are mixed; the first
    cell stands for them. Where all rows have the same cells, it is the tokens that were mixed.
    """
    if not isinstance(shadow, Cells):
        return shadow
    cells = shadow.cells
    mixed = not constant(cells, -1) and all(constant(cells, axis) for axis in range(cells.ndim - 1))
    return LOST if mixed else Cells(cells[..., :1], shadow.grid)


def of_product(left: Shadow, right: Shadow, shape: torch.Size) -> Shadow:
    """Rows of the left factor keep their cells, or columns of the right one keep theirs."""
    if left is None:
        # A learned mixture of places, or columns that keep theirs.
        return _columns(right, shape) or (None if right is None else LOST)
    if isinstance(left, Lost):
        return LOST
    cells = left.cells
    summed = not constant(cells, -1)
    if not summed and cells.shape[-2] == shape[-2] and not nowhere(cells):
        return Cells(cells[..., :1], left.grid)
    if isinstance(right, Lost):
        return LOST
    if summed and not constant(cells, -2):
        return LOST
    columns = _columns(right, shape)
    if columns is not None and columns is not LOST:
        return columns
    # Sums over all places: what comes out is of none of them.
    return Cells(torch.full((1,) * len(shape), NOWHERE, dtype=torch.int32), left.grid)


def _columns(right: Shadow, shape: torch.Size) -> Shadow:
    if not isinstance(right, Cells):
        return right
    cells = right.cells
    if cells.ndim < 2 or cells.shape[-1] != shape[-1] or not constant(cells, -2):
        return None
    return None if nowhere(cells) else Cells(cells[..., :1, :], right.grid)


def of_einsum(equation: str, ranks: list[int], shadows: list[Shadow]) -> Shadow:
    """The result has the cells of the first operand that has some along letters that it keeps."""
    if all(shadow is None for shadow in shadows):
        return None
    terms, output = spelled(equation, ranks)
    contracted = None
    for letters, shadow in zip(terms, shadows, strict=True):
        if not isinstance(shadow, Cells) or nowhere(shadow.cells):
            continue
        cells = shadow.cells
        summed = [axis for axis, letter in enumerate(letters) if letter not in output]
        if any(not constant(cells, axis) for axis in summed):
            contracted = shadow.grid
            continue
        for axis in reversed(summed):
            cells = cells.select(axis, 0)
        kept = "".join(letter for letter in letters if letter in output)
        cells = cells.permute([kept.index(letter) for letter in output if letter in kept])
        for axis, letter in enumerate(output):
            if letter not in kept:
                cells = cells.unsqueeze(axis)
        return Cells(cells, shadow.grid)
    if LOST in shadows or contracted is None:
        return LOST
    return Cells(torch.full((1,) * len(output), NOWHERE, dtype=torch.int32), contracted)


def of_join(function: Any, parts: Any, shadows: list[Shadow], rest: Any, named: Any) -> Shadow:
    """Concatenation: what is not of the photo (class tokens) has no place in it."""
    if all(shadow is None for shadow in shadows):
        return None
    known = [shadow for shadow in shadows if isinstance(shadow, Cells)]
    grids = {shadow.grid for shadow in known if not nowhere(shadow.cells)}
    if LOST in shadows or len(grids) > 1:
        return LOST
    cells = [
        shadow.cells
        if isinstance(shadow, Cells)
        else torch.full(part.shape, NOWHERE, dtype=torch.int32)
        for part, shadow in zip(parts, shadows, strict=True)
    ]
    return Cells(function(cells, *rest, **named), grids.pop() if grids else known[0].grid)


def of_writing(shadow: Shadow, target: Tensor, where: Any, written: Shadow) -> Shadow:
    """`target[where] = value`: what is written brings its cells along."""
    if isinstance(shadow, Lost) or isinstance(written, Lost):
        return LOST
    if written is None:
        return shadow
    if shadow is None:
        cells = torch.full((1,) * target.ndim, NOWHERE, dtype=torch.int32).expand(target.shape)
        shadow = Cells(cells, written.grid)
    old = shadow.cells[where]
    new = written.cells.expand(old.shape)
    if bool((thin(old) == thin(new)).all()):
        return shadow
    if shadow.grid != written.grid:
        return LOST
    cells = shadow.cells.clone()
    cells[where] = new
    return Cells(cells, shadow.grid)


def of_reduction(shadow: Shadow, input: Tensor, dim: Any, keepdim: bool) -> Shadow:
    """A mean, a sum, a maximum over axes: of a block of neighbours the first cell stands for all;
    over all places it is of none of them.
    """
    if not isinstance(shadow, Cells):
        return shadow
    axes = range(input.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = sorted(axis % input.ndim for axis in axes)
    cells, grid = shadow.cells, shadow.grid
    first = cells[tuple(slice(0, 1) if i in axes else slice(None) for i in range(cells.ndim))]
    if any(not constant(cells, axis) for axis in axes):
        several = thin(cells)
        rest = [axis for axis in range(cells.ndim) if axis not in axes]
        several = several.permute(*rest, *axes).flatten(len(rest))
        if _same_for_all(several):
            first = torch.full((1,) * cells.ndim, NOWHERE).int().expand(first.shape)
        elif not _blocks(several, grid):
            return LOST
    for axis in reversed(axes):
        first = first if keepdim else first.select(axis, 0)
    return Cells(first, grid)


def _same_for_all(several: Tensor) -> bool:
    """Whether all of (…, cell) are the same cells."""
    flat = several.reshape(-1, several.shape[-1])
    return bool((flat == flat[:1]).all())


def _blocks(several: Tensor, grid: PatchGrid) -> bool:
    """Whether each of (…, cell) is a rectangle of neighbours, and not as wide as the photo.

    Neighbours in what is left of the grid: where patches were merged before, every n-th cell is.
    """
    if bool((several == NOWHERE).any()):
        return False
    filled = torch.ones(several.shape[:-1], dtype=torch.bool)
    area = torch.ones(several.shape[:-1], dtype=torch.int64)
    for lines in (several // grid.columns, several % grid.columns):
        left, counted = lines.unique(return_inverse=True)
        width = counted.amax(-1) - counted.amin(-1) + 1
        filled &= width < len(left)
        area *= width
    return bool((filled & (area == several.shape[-1])).all())


def of_rows(shadows: list[Shadow], result: Tensor) -> Shadow:
    """Anything else that keeps the shape, or all of it but the last axis, keeps the cells.

    Where several arguments fit, one with places goes before one without.
    """
    if all(shadow is None for shadow in shadows):
        return None
    placeless: Shadow = None
    for shadow in shadows:
        if not isinstance(shadow, Cells):
            continue
        shape = shadow.cells.shape
        if shape == result.shape:
            found = shadow
        elif len(shape) == result.ndim and shape[:-1] == result.shape[:-1]:
            found = Cells(shadow.cells[..., :1], shadow.grid)
        else:
            continue
        if not nowhere(found.cells):
            return found
        placeless = placeless or found
    return LOST if placeless is None or LOST in shadows else placeless


def of_padding(shadow: Shadow, widths: Any) -> Shadow:
    """Padding has no place."""
    if not isinstance(shadow, Cells):
        return shadow
    return Cells(F.pad(shadow.cells, tuple(widths), value=NOWHERE), shadow.grid)


def of_patches(function: Any, shadow: Shadow, rest: Any, named: Any) -> Shadow:
    """im2col, which knows no integers: doubles hold every cell number, shifted off zero."""
    if not isinstance(shadow, Cells):
        return shadow
    shifted = function(shadow.cells.double() + 1, *rest, **named)
    return Cells((shifted - 1).int(), shadow.grid)
