"""How much each head matters to a loss (Michel, Levy & Neubig 2019, "Are Sixteen Heads Really
Better than One?", eq. 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import query_blocks, rows
from fovea.models.kinds.attention.windows import window_of
from fovea.models.maps.gradients import gradient_rows
from fovea.models.maps.propagation import NotPossible
from fovea.models.records import Attention, Map, Trace


def head_gradient(attention: Attention) -> Tensor:
    """(head,): ∂L/∂ξ_h where ξ_h multiplies head h, at ξ = 1, for one photo and one layer.

    The head's output is ξ_h·A_h·V, so ∂L/∂ξ_h = Σ_ij A_ij·∂L/∂A_ij, summed over windows if there
    are any.
    """
    windows, heads, _, _ = attention.shape
    total = torch.zeros(heads)
    for window in range(windows):
        one = window_of(attention, window)
        for block in query_blocks(one):
            product = rows(one, block) * gradient_rows(one, block)
            total = total + product.sum((1, 2)).cpu()
    return total


def head_importance(gradients: Sequence[Sequence[Tensor]]) -> Map:
    """The mean over photos of |∂L/∂ξ_h|: values (layer, head); NaN for heads that a layer lacks.

    gradients: for each photo, for each layer, (head,) of `head_gradient`.
    """
    if not gradients or not gradients[0]:
        raise NotPossible("it needs attention with gradients; there is none")
    layers = len(gradients[0])
    heads = max(len(layer) for layer in gradients[0])
    values = torch.full((layers, heads), torch.nan)
    for index in range(layers):
        one = torch.stack([photo[index] for photo in gradients]).abs().mean(0)
        values[index, : len(one)] = one
    photos = len(gradients)
    over = "one photo" if photos == 1 else f"{photos} photos"
    return Map(values, ("layer", "head"), None, f"Importance of each head to the loss over {over}")


def importance_of(traces: Sequence[Trace]) -> Map:
    """`head_importance` of traces with the gradients of a loss, one photo each."""
    return head_importance(
        [[head_gradient(s.attention) for s in trace.sites if s.attends] for trace in traces]
    )
