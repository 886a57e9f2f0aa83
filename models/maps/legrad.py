"""LeGrad: which attention of each layer would raise the class score (Bousselham et al. 2024).

arXiv 2404.03214: the network's own norm and head score every layer's mean token, sˡ; a layer's map
is the mean over heads and queries of (∂sˡ/∂Aˡ)⁺, and the map is the mean over layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import query_blocks
from fovea.models.maps.gradients import gradient_rows
from fovea.models.maps.propagation import NoChain
from fovea.models.records import Attention, Map, Site


def layer_map(attention: Attention) -> Tensor:
    """(key,): the mean over heads and queries of (∂sˡ/∂Aˡ)⁺, blockwise.

    attention: of one photo, with the gradients of its own layer's score sˡ.
    """
    _, heads, queries, keys = attention.shape
    total = torch.zeros(keys)
    for block in query_blocks(attention):
        positive = gradient_rows(attention, block).clamp_(min=0)
        total = total.to(positive.device) + positive.sum((0, 1))
    return total / (heads * queries)


def legrad(layers: Sequence[Tensor], site: Site) -> Map:
    """The mean of the layers' maps over the patches: values (row, column).

    layers: (key,) each, from `layer_map`; site: one of these layers, for the positions of its keys.
    """
    if not layers or site.grid is None:
        raise NoChain("it needs self-attention over the patches of the photo; there is none")
    mean = torch.stack(list(layers)).mean(0)
    values, prefix = site.on_grid(mean)
    return Map(
        values=values,
        axes=site.grid.axis_names,
        prefix=prefix,
        sentence=f"LeGrad over {len(layers)} layers",
        grid=site.grid,
    )
