"""Attention at one place of the photo, however the tokens were arranged in windows or grids.

A query or key is named by its cell. Cells in other windows are NaN, not zero: they were not
attended to, which is different from weight zero.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from fovea.models.grids import Cells, Layout
from fovea.models.kinds.attention.rows import column_means, columns, rows
from fovea.models.records import Attention


class NoPlace(LookupError):
    """No token of this attention stands for that cell."""


def window_of(attention: Attention, window: int) -> Attention:
    """The attention of a single window: a batch of one."""
    batch = attention.shape[0]

    def pick(tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.shape[0] != batch:
            return tensor
        return tensor[window : window + 1]

    return replace(
        attention,
        query=pick(attention.query),
        key=pick(attention.key),
        mask=pick(attention.mask),
        probabilities=pick(attention.probabilities),
        value=pick(attention.value),
        output_gradient=pick(attention.output_gradient),
        probabilities_gradient=pick(attention.probabilities_gradient),
    )


def is_placed(layout: Layout) -> bool:
    """Whether the positions of queries and keys are known, and some of each have a place."""
    return all(
        cells is not None and bool((cells.cells >= 0).any())
        for cells in (layout.queries, layout.keys)
    )


def token_at(cells: Cells, row: int, column: int) -> tuple[int, int]:
    """(window, token) of a cell; the first if windows overlap."""
    grid = cells.grid
    inside = 0 <= row < grid.rows and 0 <= column < grid.columns
    found = (cells.cells == row * grid.columns + column).nonzero()
    if not inside or not len(found):
        size = f"{grid.rows} × {grid.columns}"
        raise NoPlace(f"no token stands for row {row}, column {column} of {size}")
    window, token = found[0].tolist()
    return window, token


def _spread(values: Tensor, cells: Cells, window: int) -> Tensor:
    """(head, token) → (head, row, column); NaN where the window has no token."""
    grid, tokens = cells.grid, cells.cells[window].long()
    known = tokens >= 0
    spread = torch.full((values.shape[0], grid.cells), torch.nan)
    spread[:, tokens[known]] = values.float().cpu()[:, known]
    return spread.view(-1, *grid.shape)


def looks_at(attention: Attention, layout: Layout, row: int, column: int) -> Tensor:
    """What the query at cell (row, column) attends to: (head, row, column) on the keys' grid.

    attention: (window, head, query, key) of one photo. Raises NoPlace if there is no query at that
    cell or the layout does not know the positions.
    """
    if layout.queries is None or layout.keys is None:
        raise NoPlace("the places of this attention are not known")
    window, token = token_at(layout.queries, row, column)
    line = rows(window_of(attention, window), torch.tensor([token]))[:, 0]
    return _spread(line, layout.keys, window)


def looked_at_by(attention: Attention, layout: Layout, row: int, column: int) -> Tensor:
    """The attention paid to the key at cell (row, column): (head, row, column) on the queries'
    grid.
    """
    if layout.queries is None or layout.keys is None:
        raise NoPlace("the places of this attention are not known")
    window, token = token_at(layout.keys, row, column)
    line = columns(window_of(attention, window), torch.tensor([token]))[:, 0]
    return _spread(line, layout.queries, window)


def received(attention: Attention, layout: Layout) -> Tensor:
    """How much each key cell is attended to by all queries that see it: (head, row, column).

    The mean over the queries of its window; if windows overlap, the sum over them. Raises NoPlace
    if the positions of the keys are unknown.
    """
    if layout.keys is None:
        raise NoPlace("where the keys of this attention are is not known")
    grid = layout.keys.grid
    total = torch.zeros(attention.shape[1], grid.cells)
    seen = torch.zeros(grid.cells, dtype=torch.bool)
    for number, cells in enumerate(layout.keys.cells.long()):
        placed = cells >= 0
        share = column_means(window_of(attention, number)).cpu()
        total.index_add_(1, cells[placed], share[:, placed])
        seen[cells[placed]] = True
    total[:, ~seen] = torch.nan
    return total.view(-1, *grid.shape)
