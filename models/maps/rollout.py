"""Attention rollout: how attention composes through the layers (Abnar & Zuidema 2020, section 3).

Ã_l = rownorm(fuse_h A_l + I), R = Ã_L … Ã_1, and the map is the class token's row of R without the
prefix columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import Fusion, fuse, query_blocks, rows
from fovea.models.maps.propagation import Blocks, ClassRow, chain
from fovea.models.records import Attention, Map, Trace

FUSIONS: tuple[Fusion, ...] = ("mean", "max", "min")


def _discarded(fused: Tensor, discard: float) -> Tensor:
    """`fused` with the ⌊discard·N²⌋ smallest entries of the whole matrix set to zero, in place.

    Ties at the limit are discarded in order.
    """
    dropped = int(discard * fused.numel())
    if dropped == 0:
        return fused
    flat = fused.flatten()
    # numpy finds the limit in a copy of the values; torch would copy indices as well.
    limit = float(np.partition(flat.cpu().numpy(), dropped - 1)[dropped - 1])
    equal = (flat == limit).nonzero().flatten()
    flat[equal[: dropped - int((flat < limit).sum())]] = 0
    return fused.masked_fill_(fused < limit, 0)


def _fused(attention: Attention, fusion: Fusion) -> Blocks:
    return ((block, fuse(rows(attention, block), fusion)) for block in query_blocks(attention))


def _blocks(attention: Attention, fusion: Fusion, discard: float) -> Blocks:
    """Discarding ranks all entries of a layer, so its fused matrix must be a single block."""
    if discard == 0:
        return _fused(attention, fusion)
    _, _, queries, keys = attention.shape
    blocks = query_blocks(attention)
    matrix = torch.empty(queries, keys, device=blocks[0].device)
    for block, values in _fused(attention, fusion):
        matrix[block] = values
    return zip(blocks, _discarded(matrix, discard).split([len(b) for b in blocks]), strict=True)


def class_row(fusion: Fusion, discard: float) -> ClassRow:
    """The class token's row before any layer. Raises ValueError for an invalid parameter."""
    if fusion not in FUSIONS:
        raise ValueError(f"unknown fusion {fusion!r}; valid: {', '.join(FUSIONS)}")
    if not 0 <= discard < 1:
        raise ValueError(f"discard is a share, 0 ≤ discard < 1, not {discard}")
    return ClassRow(lambda attention: _blocks(attention, fusion, discard), normalised=True)


def map_of(row: ClassRow, fusion: Fusion, discard: float) -> Map:
    """The row after all layers, with its parameters in the sentence."""
    result = row.map("Rollout")
    dropped = f", the smallest {discard:.0%} of each layer discarded" if discard else ""
    return replace(result, sentence=f"{result.sentence}, {fusion} over heads{dropped}")


def rollout(trace: Trace, fusion: Fusion = "mean", discard: float = 0.0) -> Map:
    """The rollout of the class token over the patches: values (row, column).

    trace: of one photo. fusion: mean, max or min over the heads. discard: fraction of each layer's
    fused entries, the smallest, set to zero first (0 ≤ discard < 1). Without a class token the rows
    of all patches are averaged. Raises NoChain without a chain of self-attention, ValueError for an
    invalid parameter.
    """
    row = class_row(fusion, discard)
    for site in reversed(chain(trace)):
        row.through(site)
    return map_of(row, fusion, discard)


def vit_explain(trace: Trace, fusion: Fusion = "mean", discard: float = 0.9) -> Map:
    """Rollout as the tool vit-explain defines it, with its parameters: values (row, column).

    F = mean, max or min over the heads, the ⌊discard·N²⌋ smallest entries of F set to zero, and
    Ã = rownorm((F + I)/2): the half cancels in the normalisation, so this is `rollout` with other
    defaults. The tool's own code divides along the wrong axis, so that its rows do not sum to 1,
    spares the class token's weight on itself, discards in the first item of a batch only and
    divides by the maximum at the end; none of that is followed. Raises as `rollout` does.
    """
    result = rollout(trace, fusion, discard)
    return replace(result, sentence=f"{result.sentence} (vit-explain's variant)")
