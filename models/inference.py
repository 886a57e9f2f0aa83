"""One forward pass with everything that attended in it; one with gradients of a class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.capture import capture
from models.layout import place
from models.records import Trace


def run(module: nn.Module, inputs: Tensor) -> tuple[Tensor, tuple[Trace, ...]]:
    """(logits, traces): the output (photo, class) and one placed trace a photo.

    module: in eval mode. inputs: (photo, channel, height, width) on the module's device.
    """
    with torch.inference_mode(), capture(module, features=True) as recording:
        logits = module(inputs)
    photos, (height, width) = inputs.shape[0], inputs.shape[-2:]
    trace = place(recording.trace, module, (height, width), photos)
    return logits, trace.split(photos)


def run_for_class(module: nn.Module, inputs: Tensor, target: int) -> Trace:
    """The placed trace of one photo with the gradients of one class's logit.

    inputs: (1, channel, height, width). Parameters need no gradient, and get none: the graph hangs
    on the photo.
    """
    photo = inputs.detach().clone().requires_grad_()
    with torch.enable_grad(), capture(module, gradients=True) as recording:
        logits = module(photo)
    height, width = photo.shape[-2:]
    return place(recording.differentiate(logits[0, target]), module, (height, width))
