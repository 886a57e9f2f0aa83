"""Numbers about an attention: how spread out it is and how far it reaches."""

from __future__ import annotations

import torch
from torch import Tensor

from models.maps.attention import query_blocks, rows
from models.records import Attention, PatchGrid


def entropy(attention: Attention) -> Tensor:
    """(head, query): −Σ_j p_ij ln p_ij in nats, with 0·ln 0 = 0. Divide by ln N for a share of
    the maximum.
    """
    blocks = [
        torch.special.entr(rows(attention, block)).sum(-1) for block in query_blocks(attention)
    ]
    return torch.cat(blocks, dim=-1)


def cell_distances(grid: PatchGrid, cell_px: tuple[float, float]) -> Tensor:
    """(cell, cell): the distance between cell centres in pixels of the network's input.

    cell_px: (height, width) of a cell.
    """
    row, column = torch.meshgrid(
        torch.arange(grid.rows) * cell_px[0], torch.arange(grid.columns) * cell_px[1], indexing="ij"
    )
    centres = torch.stack((row.flatten(), column.flatten()), dim=-1).float()
    return torch.cdist(centres, centres)


def attention_distance(
    attention: Attention, grid: PatchGrid, cell_px: tuple[float, float], prefix_tokens: int
) -> Tensor:
    """(head,): the mean distance in pixels from a patch to what it looks at, weighted by attention.

    d_h = mean_i Σ_j A_ij·‖rc_i − rc_j‖₂ (Dosovitskiy et al. 2020, fig. 7; Raghu et al. 2021).
    Prefix queries and prefix columns are dropped, without renormalising the rest, as published.
    """
    distances = cell_distances(grid, cell_px)
    total = torch.zeros(attention.shape[1])
    for block in query_blocks(attention):
        patches = block[block >= prefix_tokens]
        if len(patches) == 0:
            continue
        probabilities = rows(attention, patches)[:, :, prefix_tokens:].cpu()
        total += (probabilities * distances[(patches - prefix_tokens).cpu()]).sum((1, 2))
    return total / grid.cells
