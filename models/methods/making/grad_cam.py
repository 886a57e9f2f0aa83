"""Grad-CAM of convolutional networks (Selvaraju et al. 2017, equations 1 and 2).

    α_c = mean over places of ∂y/∂F_c,  map = (Σ_c α_c·F_c)⁺

with F the last feature map that has rows and columns and y the score of a class before the softmax.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fovea.models.capture.module_calls import graph_from, last_picture
from fovea.models.maps.propagation import NotPossible
from fovea.models.records import Map
from fovea.models.running.outputs import tensor_of


@contextmanager
def _parameters_at_rest(module: nn.Module) -> Iterator[None]:
    """Disables parameter gradients: only the feature map's gradient is needed."""
    learning = [p for p in module.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def grad_cam(module: nn.Module, photo: Tensor, target: int) -> Map:
    """The map of one class on the last feature map: values (row, column), non-negative, float32.

    module: in eval mode, with output (batch, class), or a transformers output with `logits`. photo:
    (1, channel, height, width). Raises NotPossible if it is not a convolutional classifier, or if
    no gradient flows from the class to the feature map.
    """
    layer, output = last_picture(module, photo)
    if layer is None:
        raise NotPossible(
            "Grad-CAM needs the feature maps of a convolutional network; "
            "for a transformer there is attention-grad-cam"
        )
    scores = _scores(output)
    if scores is None or target >= scores.shape[1]:
        raise NotPossible("Grad-CAM needs a network that gives one number a class")
    features, gradient = _differentiated(module, layer, photo, target)
    weights = gradient.mean((2, 3), keepdim=True)
    return Map(
        values=(weights * features).sum(1)[0].clamp(min=0),
        axes=("row", "column"),
        prefix=None,
        sentence="Grad-CAM on the last feature map",
    )


def _scores(output: object) -> Tensor | None:
    """(batch, class) from a network's output; None if it has another form."""
    try:
        scores = tensor_of(output)
    except TypeError:
        return None
    return scores if scores.ndim == 2 else None


def _differentiated(
    module: nn.Module, layer: nn.Module, photo: Tensor, target: int
) -> tuple[Tensor, Tensor]:
    """(F, ∂y/∂F), each (1, channel, row, column) in float32 or finer."""
    gradient: Tensor | None = None
    with _parameters_at_rest(module), graph_from(layer) as leaves, torch.enable_grad():
        score = tensor_of(module(photo.detach()))[0, target]
        features = leaves[-1]
        if score.requires_grad:
            (gradient,) = torch.autograd.grad(score, features, allow_unused=True)
    if gradient is None:
        raise NotPossible("Grad-CAM finds no gradient from the class to the last feature map")
    finer = torch.promote_types(features.dtype, torch.float32)
    return features.detach().to(finer), gradient.to(finer)
