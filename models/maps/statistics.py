"""Statistics of attention: how spread out it is and how far it reaches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fovea.models.grids import Layout, PatchGrid
from fovea.models.kinds.attention.rows import query_blocks, rows
from fovea.models.kinds.attention.windows import NoPlace, is_placed, window_of
from fovea.models.records import Attention


def entropy(attention: Attention) -> Tensor:
    """(head, query): −Σ_j p_ij ln p_ij in nats, with 0·ln 0 = 0; windows are concatenated along the
    queries.
    """
    return _of_rows(attention, lambda shares: torch.special.entr(shares).sum(-1))


def entropy_share(attention: Attention) -> Tensor:
    """(head, query): the entropy as a fraction of its maximum, ln N; queries as in `entropy`.

    N is the number of keys that the query may attend to: not later words, nor other regions of a
    shifted window. A masked key has at most e⁻¹⁰⁰, below any normal float32 share. NaN for a query
    with a single key.
    """

    def share(shares: Tensor) -> Tensor:
        seen = (shares >= torch.finfo(torch.float32).tiny).sum(-1)
        largest = seen.log().masked_fill(seen == 1, torch.nan)
        found: Tensor = torch.special.entr(shares).sum(-1) / largest
        return found

    return _of_rows(attention, share)


def _of_rows(attention: Attention, number: Callable[[Tensor], Tensor]) -> Tensor:
    """(head, query): a number for every row, window after window. number: function of (head, query,
    key).
    """
    blocks = [
        number(rows(window, block))
        for window in (window_of(attention, index) for index in range(attention.shape[0]))
        for block in query_blocks(window)
    ]
    return torch.cat(blocks, dim=-1)


def cell_centres(grid: PatchGrid, input_px: tuple[float, float]) -> Tensor:
    """(cell, 2): row and column of every cell's centre, in pixels of the network's input.

    input_px: (height, width) of that input.
    """
    row, column = torch.meshgrid(
        (torch.arange(grid.rows) + 0.5) * (input_px[0] / grid.rows),
        (torch.arange(grid.columns) + 0.5) * (input_px[1] / grid.columns),
        indexing="ij",
    )
    return torch.stack((row.flatten(), column.flatten()), dim=-1)


def distances(these: Tensor, those: Tensor) -> Tensor:
    """(these, those): distances between points (…, 2), exactly 0 between identical points."""
    return torch.cdist(these, those, compute_mode="donot_use_mm_for_euclid_dist")


def attention_distance(
    attention: Attention, layout: Layout, input_px: tuple[float, float]
) -> Tensor:
    """(head,): the mean distance in pixels from a patch to what it attends to, weighted by
    attention.

    d_h = mean_i Σ_j A_ij·‖rc_i − rc_j‖₂ (Dosovitskiy et al. 2020, fig. 7; Raghu et al. 2021).
    Prefix queries and prefix columns are dropped, without renormalising the rest, as published.
    Windows, and keys on a coarser grid than the queries, are measured at their actual positions.

    layout: of the site · input_px: (height, width) of the network's input. Raises NoPlace if its
    positions are unknown.
    """
    if layout.queries is None or layout.keys is None or not is_placed(layout):
        raise NoPlace("the places of this attention are not known")
    asking = cell_centres(layout.queries.grid, input_px)
    looked_at = cell_centres(layout.keys.grid, input_px)
    total, queries = torch.zeros(attention.shape[1]), 0
    for number, (query_cells, key_cells) in enumerate(
        zip(layout.queries.cells.long(), layout.keys.cells.long(), strict=True)
    ):
        window, placed = window_of(attention, number), key_cells >= 0
        for block in query_blocks(window):
            patches = block[query_cells[block.cpu()].to(block.device) >= 0]
            if len(patches) == 0:
                continue
            apart = distances(asking[query_cells[patches.cpu()]], looked_at[key_cells[placed]])
            total += (rows(window, patches).cpu()[:, :, placed] * apart).sum((1, 2))
            queries += len(patches)
    return total / queries
