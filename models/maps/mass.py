"""DINO's view of attention (Caron et al. 2021, fig. 1 and appendix)."""

from __future__ import annotations

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import rows
from fovea.models.maps.propagation import NoClassToken, chain
from fovea.models.records import Map, Trace


def heaviest(values: Tensor, mass: float) -> Tensor:
    """`values` (…, patch), zero except for the smallest set of patches whose mass exceeds `mass`.

    Sort ascending, normalise, accumulate; a patch is kept if the sum exceeds 1 − mass.
    """
    ordered, order = values.sort(-1)
    share = (ordered / ordered.sum(-1, keepdim=True)).cumsum(-1)
    kept = torch.zeros_like(values, dtype=torch.bool).scatter(-1, order, share > 1 - mass)
    return values * kept


def dino(trace: Trace, mass: float = 0.6) -> Map:
    """What the class token attends to in each head of the last layer: values (head, row, column).

    Only the patches that carry `mass` (0 < mass ≤ 1) of a head's attention are kept, the others are
    zero. Raises NoClassToken, or ValueError for an invalid mass.
    """
    if not 0 < mass <= 1:
        raise ValueError(f"mass is a share, 0 < mass ≤ 1, not {mass}")
    last = chain(trace)[-1]
    assert last.grid is not None
    if not last.prefix_tokens:
        raise NoClassToken()
    patches, _ = last.on_grid(rows(last.attention, torch.zeros(1, dtype=torch.long))[:, 0])
    return Map(
        values=heaviest(patches.flatten(1), mass).view_as(patches),
        axes=("head", *last.grid.axis_names),
        prefix=None,
        sentence=f"Patches with {mass:.0%} of the class token's attention in layer {last.layer}",
        grid=last.grid,
    )
