"""Attention rollout: how attention composes through the layers (Abnar & Zuidema 2020, section 3).

Ã_l = rownorm(fuse_h A_l + I), R = Ã_L … Ã_1, and the map is the class token's row of R without the
prefix columns. Only that row is wanted, so only a row is propagated, r ← r·Ã_l from the last layer
to the first, with A_l recomputed from query and key in blocks: no N×N matrix of a whole layer is
held, and the result is that of the matrix form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.maps.attention import Fusion, fuse, query_blocks, rows
from models.records import Attention, Map, Site, Trace

FUSIONS: tuple[Fusion, ...] = ("mean", "max", "min")


class NoRollout(ValueError):
    """The trace has no chain of self-attention over the same tokens."""


def chain(trace: Trace) -> tuple[Site, ...]:
    """The self-attention sites that share the tokens of the last one, in order of execution."""
    square = [s for s in trace.sites if s.kind == "attention" and s.queries == s.keys and s.grid]
    if not square:
        raise NoRollout("rollout needs self-attention over the patches of the photo; there is none")
    last = square[-1]
    return tuple(s for s in square if (s.keys, s.grid) == (last.keys, last.grid))


def _kept_above(fused: Tensor, discard: float) -> Tensor:
    """`fused` with the ⌊discard·N²⌋ smallest entries of the whole matrix set to zero."""
    dropped = int(discard * fused.numel())
    if dropped == 0:
        return fused
    flat = fused.flatten().clone()
    flat[flat.topk(dropped, largest=False, sorted=False).indices] = 0
    return flat.view_as(fused)


def _fused_blocks(
    attention: Attention, fusion: Fusion, discard: float
) -> list[tuple[Tensor, Tensor]]:
    """[(query indices, fused rows)]; discarding ranks all entries of a layer, so then the layer
    is one block.
    """
    if discard > 0:
        matrix = _kept_above(fuse(rows(attention), fusion), discard)
        return [(torch.arange(matrix.shape[0], device=matrix.device), matrix)]
    return [(block, fuse(rows(attention, block), fusion)) for block in query_blocks(attention)]


def propagate(
    row: Tensor, attention: Attention, fusion: Fusion = "mean", discard: float = 0.0
) -> Tensor:
    """row·Ã for one layer: (token) → (token), with Ã = rownorm(fuse_h A + I)."""
    result = torch.zeros_like(row)
    for block, fused in _fused_blocks(attention, fusion, discard):
        weight = row[block] / (fused.sum(-1) + 1)
        result += weight @ fused
        result[block] += weight
    return result


def rollout(trace: Trace, fusion: Fusion = "mean", discard: float = 0.0) -> Map:
    """The rollout of the class token over the patches: values (row, column).

    trace: of one photo. fusion: mean, max or min over the heads. discard: share of each layer's
    fused entries, the smallest, that are set to zero first (0 ≤ discard < 1). Without a class
    token the rows of all patches are averaged. Raises NoRollout where there is no chain of
    self-attention, ValueError for a bad parameter.
    """
    if fusion not in FUSIONS:
        raise ValueError(f"unknown fusion {fusion!r}; valid: {', '.join(FUSIONS)}")
    if not 0 <= discard < 1:
        raise ValueError(f"discard is a share, 0 ≤ discard < 1, not {discard}")
    sites = chain(trace)
    last = sites[-1]
    assert last.grid is not None
    assert last.keys is not None
    held = next(t for t in (last.attention.query, last.attention.probabilities) if t is not None)
    row = torch.zeros(last.keys, device=held.device)
    if last.prefix_tokens:
        row[0] = 1.0
    else:
        row[:] = 1 / last.keys
    for site in reversed(sites):
        row = propagate(row, site.attention, fusion, discard)
    start = "the class token" if last.prefix_tokens else "the mean over all patches"
    dropped = f", the smallest {discard:.0%} of each layer discarded" if discard else ""
    return Map(
        values=row[last.prefix_tokens :].reshape(last.grid.rows, last.grid.columns),
        axes=("row", "column"),
        prefix=row[: last.prefix_tokens],
        sentence=(f"Rollout of {start} through {len(sites)} layers, {fusion} over heads{dropped}"),
    )
