"""Class maps: attention weighted by the gradient of the class logit.

They need a trace from `Recording.differentiate`. With O = A·V, ∂target/∂A = ∂target/∂O · Vᵀ, so the
gradient of any row of A follows from what was kept, without an N×N matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import query_blocks, rows
from fovea.models.maps.propagation import Blocks, NoClassToken, NotPossible, chain, class_map
from fovea.models.records import Attention, Map, Site, Trace


class NoGradients(NotPossible):
    """The trace has no gradients: it is not from `Recording.differentiate`."""

    key = "no-gradients"


def gradient_rows(attention: Attention, queries: Tensor | None = None) -> Tensor:
    """∂target/∂A for these queries: (head, query, key), float32; all queries if None."""
    if attention.probabilities_gradient is not None:
        matrix = attention.probabilities_gradient[0]
        return (matrix if queries is None else matrix[:, queries]).float()
    if attention.output_gradient is None or attention.value is None:
        raise NoGradients("this trace has no gradients; make it with Recording.differentiate")
    gradient = attention.output_gradient[0].float()
    gradient = gradient if queries is None else gradient[:, queries]
    return gradient @ attention.value[0].float().transpose(-1, -2)


def clamped_after_mean(attention: Attention) -> Blocks:
    """(mean_h A⊙∇A)⁺ in blocks."""
    for block in query_blocks(attention):
        product = rows(attention, block) * gradient_rows(attention, block)
        yield block, product.mean(0).clamp(min=0)


def clamped_before_mean(attention: Attention) -> Blocks:
    """mean_h (A⊙∇A)⁺ in blocks."""
    for block in query_blocks(attention):
        product = rows(attention, block) * gradient_rows(attention, block)
        yield block, product.clamp(min=0).mean(0)


def gradient_rollout(trace: Trace) -> Map:
    """Rollout with E = (mean_h A⊙∇A)⁺ in place of the fused attention: values (row, column).

    Each layer is paired with its own gradient; the clamp comes after the mean.
    """
    return class_map(trace, clamped_after_mean, normalised=True, name="Gradient rollout")


def relevance(trace: Trace) -> Map:
    """The generic rule for self-attention (Chefer, Gur & Wolf, ICCV 2021, eq. 5 and 6).

    Ē = mean_h (∇A⊙A)⁺, clamped before the mean; R⁰ = I, R ← R + Ē·R layer by layer; the map is the
    class token's row of R without the prefix columns: values (row, column).
    """
    return class_map(trace, clamped_before_mean, normalised=False, name="Relevance")


def attention_grad_cam(trace: Trace) -> Map:
    """Grad-CAM on the class token's attention in the last layer: values (row, column).

    w_h = mean over patches of ∇A[h, 0, P:]; the map is (mean_h w_h·A[h, 0, P:])⁺ (Selvaraju et al.
    2017, eq. 1 and 2, with heads in place of channels; the baseline of Chefer et al. 2021). Raises
    NoClassToken.
    """
    return grad_cam_of(chain(trace)[-1])


def grad_cam_of(last: Site) -> Map:
    """`attention_grad_cam` from the last layer's site alone."""
    assert last.grid is not None
    if not last.prefix_tokens:
        raise NoClassToken()
    first = torch.zeros(1, dtype=torch.long)
    attention, _ = last.on_grid(rows(last.attention, first)[:, 0])
    gradient, _ = last.on_grid(gradient_rows(last.attention, first)[:, 0])
    weight = gradient.flatten(1).mean(-1).view(-1, *[1] * len(last.grid.shape))
    return Map(
        values=(weight * attention).mean(0).clamp(min=0),
        axes=last.grid.axis_names,
        prefix=None,
        sentence=f"Attention-Grad-CAM of the class token in layer {last.layer}",
        grid=last.grid,
    )
