"""How a tensor's cells change when a function changes the tensor: a rule for each kind of function.

Rules take the shadows of a call's arguments and return that of its result, LOST if unknown. They
never look at values, only at which entry came from where.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.grids import Axis, Cells, PatchGrid
from fovea.models.places.shadows import (
    LOST,
    NOWHERE,
    Lost,
    Shadow,
    axes_of,
    constant,
    new_grid,
    nowhere,
    thin,
    whole_picture,
)
from fovea.models.places.sliding import Slide, evenly, mixed, picture_axes
from fovea.models.tracing.equations import spelled


def of_picture(shadow: Shadow, shape: torch.Size, slide: Slide) -> Shadow:
    """Convolution, pooling, resizing of (batch, channel, row, column), or with a depth before the
    rows: a whole picture gets a new grid; windows, and heads of a picture, keep every n-th cell.
    """
    if not isinstance(shadow, Cells):
        return shadow
    cells, grid = shadow.cells, shadow.grid
    if cells.ndim != len(shape):
        return LOST
    if nowhere(cells):
        return Cells(cells[(slice(None), *[slice(0, 1)] * (cells.ndim - 1))], grid)
    if not constant(cells, 1):
        # Neighbours were moved into the channels, which are mixed here.
        one = mixed(cells.movedim(1, -1), grid)
        if one is None:
            return LOST
        cells, grid = one.cells.unsqueeze(1), one.grid
    flat = cells.ndim == 4
    if constant(cells, 0) and (flat or grid.depth > 1) and whole_picture(cells[0, 0], grid):
        axes = _line_axes(cells[0, 0], grid) if flat else picture_axes(cells[0, 0], grid)
        before = cells.shape[2:]
        if axes is not None:
            after = [
                slide(index, axis, before[index], shape[2 + index])
                for index, axis in enumerate(axes)
            ]
            return new_grid(*shape[2:], axes=after)
    if cells.shape[0] != shape[0]:
        return LOST
    if flat and grid.depth > 1:
        return _each_layer(cells, grid, shape, slide)
    steps = [max(1, old // new) for old, new in zip(cells.shape[2:], shape[2:], strict=True)]
    cells = cells[(slice(None), slice(0, 1), *(slice(None, None, step) for step in steps))]
    return Cells(cells, grid) if cells.shape[2:] == shape[2:] else LOST


def _line_axes(cells: Tensor, grid: PatchGrid) -> tuple[Axis, ...] | None:
    """Axes of a single photo's picture; None for a volume's layers flattened into one."""
    return picture_axes(cells, grid) if grid.depth == 1 else None


def _each_layer(cells: Tensor, grid: PatchGrid, shape: torch.Size, slide: Slide) -> Shadow:
    """A volume's layers, or a video's frames, along the batch: (frame, channel, row, column)."""
    layers = cells[:, 0]
    per_layer = grid.rows * grid.columns
    first = layers[0] - layers[0].amin() // per_layer * per_layer
    flat = PatchGrid(grid.rows, grid.columns, axes=axes_of(grid)[-2:])
    offset = (layers - first) // per_layer
    if not bool((layers - first - offset * per_layer == 0).all()):
        return LOST
    numbers = offset.flatten(1)
    if not bool((numbers == numbers[:, :1]).all()) or not whole_picture(first, flat):
        return LOST
    axes = picture_axes(first, flat)
    after = [slide(i, axis, first.shape[i], shape[2 + i]) for i, axis in enumerate(axes)]
    whole = PatchGrid(shape[2], shape[3], grid.depth, (axes_of(grid)[0], *after))
    one = torch.arange(shape[2] * shape[3], dtype=torch.int32).view(1, 1, *shape[2:])
    return Cells(one + numbers[:, 0].int().view(-1, 1, 1, 1) * (shape[2] * shape[3]), whole)


def of_sequence(shadow: Shadow, shape: torch.Size) -> Shadow:
    """Convolution along tokens, (batch, channel, token) of unchanged length: positions are kept."""
    if not isinstance(shadow, Cells):
        return shadow
    cells = shadow.cells
    kept = cells.ndim == 3 and cells.shape[-1] == shape[-1] and constant(cells, 1)
    return Cells(cells[:, :1], shadow.grid) if kept else LOST


def of_fold(shadow: Shadow, shape: torch.Size) -> Shadow:
    """Patches reassembled side by side, (1, channel·patch, place) → (1, channel, row, column)."""
    if not isinstance(shadow, Cells):
        return shadow
    cells, grid = shadow.cells, shadow.grid
    if shape[0] == 1 and constant(cells, -2) and whole_picture(cells[0, 0], grid):
        each = zip(axes_of(grid), grid.shape, shape[2:], strict=True)
        return new_grid(*shape[2:], axes=[evenly(axis, *counts) for axis, *counts in each])
    return LOST


def of_linear(shadow: Shadow) -> Shadow:
    """Mixes the features of a row. If they are of several cells (unfolded patches, merged
    neighbours), each row becomes a cell of the grid that these form, or else takes its first cell.
    If all rows have the same cells, tokens were mixed.
    """
    if not isinstance(shadow, Cells):
        return shadow
    cells = shadow.cells
    if constant(cells, -1):
        return Cells(cells[..., :1], shadow.grid)
    if all(constant(cells, axis) for axis in range(cells.ndim - 1)):
        return LOST
    found = mixed(cells, shadow.grid)
    if found is not None:
        return Cells(found.cells.unsqueeze(-1), found.grid)
    return Cells(cells[..., :1], shadow.grid)


def of_product(left: Shadow, right: Shadow, shape: torch.Size) -> Shadow:
    """Rows of the left factor keep their cells, or columns of the right one."""
    if left is None:
        # A learned mixture of positions, or columns that keep theirs.
        return _columns(right, shape) or (None if right is None else LOST)
    if isinstance(left, Lost):
        return left
    cells = left.cells
    summed = not constant(cells, -1)
    if summed and right is None and not constant(cells, -2):
        return of_linear(left)  # patches times a matrix of weights
    if not summed and cells.shape[-2] == shape[-2] and not nowhere(cells):
        return Cells(cells[..., :1], left.grid)
    if isinstance(right, Lost):
        return right
    if summed and not constant(cells, -2):
        return LOST
    columns = _columns(right, shape)
    if isinstance(columns, Cells):
        return columns
    # A sum over all positions has none.
    return Cells(torch.full((1,) * len(shape), NOWHERE, dtype=torch.int32), left.grid)


def _columns(right: Shadow, shape: torch.Size) -> Shadow:
    if not isinstance(right, Cells):
        return right
    cells = right.cells
    if cells.ndim < 2 or cells.shape[-1] != shape[-1] or not constant(cells, -2):
        return None
    return None if nowhere(cells) else Cells(cells[..., :1, :], right.grid)


def of_einsum(equation: str, ranks: list[int], shadows: list[Shadow]) -> Shadow:
    """The result has the cells of the first operand whose cells vary along letters that it
    keeps.
    """
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
    if _lost(shadows) or contracted is None:
        return _lost(shadows) or LOST
    return Cells(torch.full((1,) * len(output), NOWHERE, dtype=torch.int32), contracted)


def of_join(function: Any, parts: Any, shadows: list[Shadow], rest: Any, named: Any) -> Shadow:
    """Concatenation: parts that are not of the photo (class tokens) have no position."""
    if all(shadow is None for shadow in shadows):
        return None
    known = [shadow for shadow in shadows if isinstance(shadow, Cells)]
    grids = [shadow.grid for shadow in known if not nowhere(shadow.cells)]
    lost = [shadow for shadow in shadows if isinstance(shadow, Lost)]
    if not grids or not all(shadow.elsewhere for shadow in lost):
        if lost:
            return lost[0]
    elif any(not grid.same_axes(grids[0]) for grid in grids):
        return Lost("tokens of several grids are put in one row")
    cells = [
        shadow.cells
        if isinstance(shadow, Cells)
        else torch.full(part.shape, NOWHERE, dtype=torch.int32)
        for part, shadow in zip(parts, shadows, strict=True)
    ]
    return Cells(function(cells, *rest, **named), grids[0] if grids else known[0].grid)


def of_writing(shadow: Shadow, target: Tensor, where: Any, written: Shadow) -> Shadow:
    """`target[where] = value`: the written entries keep their cells."""
    if isinstance(shadow, Lost) or isinstance(written, Lost):
        return shadow if isinstance(shadow, Lost) else written
    if written is None:
        return shadow
    if shadow is None:
        cells = torch.full((1,) * target.ndim, NOWHERE, dtype=torch.int32).expand(target.shape)
        shadow = Cells(cells, written.grid)
    old = shadow.cells[where]
    new = written.cells.expand(old.shape)
    if bool((thin(old) == thin(new)).all()):
        return shadow
    if not shadow.grid.same_axes(written.grid):
        return LOST
    cells = shadow.cells.clone()
    cells[where] = new
    return Cells(cells, shadow.grid)


def of_reduction(shadow: Shadow, input: Tensor, dim: Any, keepdim: bool) -> Shadow:
    """A mean, sum or maximum over axes: a block of neighbours takes its first cell; over all
    positions there is none.
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
    """Whether each of (…, cell) is a rectangle of neighbours narrower than the photo.

    Neighbours in the remaining grid: after earlier merging, every n-th cell.
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


def _lost(shadows: Sequence[Shadow]) -> Lost | None:
    return next((shadow for shadow in shadows if isinstance(shadow, Lost)), None)


def of_scattering(target: Tensor, mask: Tensor, source: Tensor, shadows: list[Shadow]) -> Shadow:
    """`target.masked_scatter(mask, source)`: where the mask is true the source's rows are inserted
    in order, like image tokens between the words of a prompt.
    """
    if _lost(shadows):
        return _lost(shadows)
    into, of = shadows
    if into is None and of is None:
        return None
    grid = of.grid if isinstance(of, Cells) else into.grid  # type: ignore[union-attr]
    if isinstance(into, Cells) and not into.grid.same_axes(grid) and not nowhere(into.cells):
        return LOST

    def cells_of(shadow: Shadow, shape: torch.Size) -> Tensor:
        cells = shadow.cells if isinstance(shadow, Cells) else torch.tensor(NOWHERE).int()
        return cells.expand(shape)

    mask = mask.cpu().expand(target.shape)
    cells, rows = cells_of(into, target.shape), cells_of(of, source.shape)
    if constant(mask, -1) and constant(cells, -1) and constant(rows, -1):
        mask, cells, rows = mask[..., :1], cells[..., :1], rows[..., :1]
    return Cells(cells.masked_scatter(mask, rows), grid)


def of_choice(condition: Tensor, one: Any, other: Any, shadows: list[Shadow]) -> Shadow:
    """`where(condition, one, other)`"""
    if _lost(shadows):
        return _lost(shadows)
    known = [shadow for shadow in shadows if isinstance(shadow, Cells)]
    if not known:
        return None
    if len(known) == 2 and not known[0].grid.same_axes(known[1].grid):
        return LOST
    chosen, rest = (shadow.cells if isinstance(shadow, Cells) else None for shadow in shadows)
    if chosen is None or rest is None:
        # A fill value or word has no position. A pure mask (−∞) changes none.
        filler = other if rest is None else one
        if not isinstance(filler, Tensor) or filler.numel() == 1:
            return known[0]
    none = torch.tensor(NOWHERE).int()
    picked = torch.where(
        condition.cpu(), none if chosen is None else chosen, none if rest is None else rest
    )
    return Cells(picked, known[0].grid)


def of_rows(shadows: list[Shadow], result: Tensor) -> Shadow:
    """Other functions that keep the shape, except perhaps the last axis, keep the cells.

    If several arguments match, one with positions is preferred.
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
    return _lost(shadows) or placeless or LOST


def of_padding(shadow: Shadow, widths: Any) -> Shadow:
    """Padding has no place."""
    if not isinstance(shadow, Cells):
        return shadow
    return Cells(F.pad(shadow.cells, tuple(widths), value=NOWHERE), shadow.grid)


def of_patches(function: Any, shadow: Shadow, rest: Any, named: Any) -> Shadow:
    """im2col has no integer version: doubles hold every cell number, shifted away from zero."""
    if not isinstance(shadow, Cells):
        return shadow
    shifted = function(shadow.cells.double() + 1, *rest, **named)
    return Cells((shifted - 1).int(), shadow.grid)
