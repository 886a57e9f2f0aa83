"""The context manager: watches the torch functions that a forward pass calls and keeps what
attends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from fovea.models.kinds.registry import FOLLOWS, STARTS
from fovea.models.tracing.recording import Recording

Function = Callable[..., Any]


_ENTRIES = {torch.conv2d, torch.conv3d, F.conv2d, F.conv3d, F.unfold}
"""What a photo goes through first: where a call of the network begins, if it was not seen yet."""

_COLOURS = 4
"""Channels of a photo, at most."""


class _Watch(TorchFunctionMode):
    """Passes every torch function through unchanged; a few have a handler that looks on."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording
        # Asked for every function that is called.
        self._begun, self._constant = recording.origins.known, recording.constants.known
        self._entered = False

    def __torch_function__(
        self,
        func: Function,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if not self._entered or (func in _ENTRIES and args and args[0].shape[1] <= _COLOURS):
            self._entered = True
            self.recording.enter()
        handler = STARTS.get(func)
        if handler is None and self._begun:
            handler = FOLLOWS.get(func)
        if handler is not None:
            result = handler(self, func, args, kwargs or {})
        else:
            result = func(*args, **kwargs) if kwargs else func(*args)
        if args and (type(args[0]) is nn.Parameter or id(args[0]) in self._constant):
            self.recording.constants.follow(args, kwargs or {}, result)
        return result


@contextmanager
def capture(
    module: nn.Module, *, features: bool = False, gradients: bool = False, entries: bool = False
) -> Iterator[Recording]:
    """Record every attention, gate and spatial transformer that runs inside the `with`.

        with capture(model) as recording:
            logits = model(photos)
        recording.trace.sites

    The module runs unmodified on its fast path (fused attention stays fused) and computes the
    same bits as without capture. Nothing is installed on it: sites are recognised by the torch
    functions that are called (`models/kinds/registry.py`), their modules by the call stack.
    Works under inference_mode and under autograd (what is kept is detached), for batches, on any
    device and dtype, nested, and in several threads at once: a torch function mode belongs to its
    thread.

    features: keep the feature maps before each gate too, (batch, channel, row, column); they cost
    memory. gradients: keep what `Recording.differentiate` needs, the graph included. entries: note
    how the network was called, so that the call can be made again.

    One case is beyond it: `nn.MultiheadAttention` has a fused inference kernel which torch itself
    switches off under any function mode; its captured output equals that kernel's to rounding,
    not to the bit.
    """
    recording = Recording(module, features=features, gradients=gradients, entries=entries)
    try:
        with _Watch(recording):
            yield recording
    finally:
        recording.leave()
