"""Attention rollout: how attention composes through the layers (Abnar & Zuidema 2020, section 3).

Ã_l = rownorm(fuse_h A_l + I), R = Ã_L … Ã_1, and the map is the class token's row of R without the
prefix columns.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from models.maps.attention import Fusion, fuse, query_blocks, rows
from models.maps.propagation import Blocks, class_map
from models.records import Attention, Map, Trace

FUSIONS: tuple[Fusion, ...] = ("mean", "max", "min")


def _discarded(fused: Tensor, discard: float) -> Tensor:
    """`fused` with the ⌊discard·N²⌋ smallest entries of the whole matrix set to zero."""
    dropped = int(discard * fused.numel())
    if dropped == 0:
        return fused
    flat = fused.flatten().clone()
    flat[flat.topk(dropped, largest=False, sorted=False).indices] = 0
    return flat.view_as(fused)


def _blocks(attention: Attention, fusion: Fusion, discard: float) -> Blocks:
    """Discarding ranks all entries of a layer, so then the layer is one block."""
    if discard > 0:
        matrix = _discarded(fuse(rows(attention), fusion), discard)
        return [(torch.arange(matrix.shape[0], device=matrix.device), matrix)]
    return ((block, fuse(rows(attention, block), fusion)) for block in query_blocks(attention))


def rollout(trace: Trace, fusion: Fusion = "mean", discard: float = 0.0) -> Map:
    """The rollout of the class token over the patches: values (row, column).

    trace: of one photo. fusion: mean, max or min over the heads. discard: share of each layer's
    fused entries, the smallest, that are set to zero first (0 ≤ discard < 1). Without a class token
    the rows of all patches are averaged. Raises NoChain where there is no chain of self-attention,
    ValueError for a bad parameter.
    """
    if fusion not in FUSIONS:
        raise ValueError(f"unknown fusion {fusion!r}; valid: {', '.join(FUSIONS)}")
    if not 0 <= discard < 1:
        raise ValueError(f"discard is a share, 0 ≤ discard < 1, not {discard}")
    result = class_map(
        trace, lambda one: _blocks(one, fusion, discard), normalised=True, name="Rollout"
    )
    dropped = f", the smallest {discard:.0%} of each layer discarded" if discard else ""
    return replace(result, sentence=f"{result.sentence}, {fusion} over heads{dropped}")
