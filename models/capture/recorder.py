"""The context manager: watches the torch functions that a forward pass calls and keeps what
attends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from models.capture.callers import calling_module, module_paths
from models.capture.origins import Origins
from models.capture.signatures import HANDLERS
from models.records import Kind, Site, Tensors, Trace

Function = Callable[..., Any]


class Recording:
    """What one `capture` has seen so far; `trace` may be read during and after the `with`."""

    def __init__(self, module: nn.Module, *, features: bool) -> None:
        self.features = features
        self.origins = Origins()
        # Heads that the function now running has folded into the batch axis, where it says so.
        self.folded_heads: int | None = None
        self._paths = module_paths(module)
        self._sites: list[Site] = []

    @property
    def trace(self) -> Trace:
        return Trace(tuple(self._sites))

    def add(self, kind: Kind, tensors: Tensors) -> None:
        """Append a site, named after the module that is computing at this moment."""
        self._sites.append(
            Site(
                id=f"s{len(self._sites):02d}",
                kind=kind,
                layer=sum(site.kind == kind for site in self._sites),
                name=calling_module(self._paths),
                tensors=tensors,
            )
        )


class _Watch(TorchFunctionMode):
    """Passes every torch function through unchanged; four signatures have a handler that looks
    on.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording

    def __torch_function__(
        self,
        func: Function,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        handler = HANDLERS.get(func)
        if handler is not None:
            return handler(self, func, args, kwargs or {})
        return func(*args, **kwargs) if kwargs else func(*args)


@contextmanager
def capture(module: nn.Module, *, features: bool = False) -> Iterator[Recording]:
    """Record every attention, gate and spatial transformer that runs inside the `with`.

        with capture(model) as recording:
            logits = model(photos)
        recording.trace.sites

    The module runs unmodified on its fast path (fused attention stays fused) and computes the
    same bits as without capture. Nothing is installed on it: sites are recognised by the torch
    functions that are called (`models/capture/signatures.py`), their modules by the call stack.
    Works under inference_mode and under autograd (what is kept is detached), for batches, on any
    device and dtype, nested, and in several threads at once: a torch function mode belongs to its
    thread.

    features: keep the feature maps before each gate too, (batch, channel, row, column); they cost
    memory.

    One case is beyond it: `nn.MultiheadAttention` has a fused inference kernel which torch itself
    switches off under any function mode; its captured output equals that kernel's to rounding,
    not to the bit.
    """
    recording = Recording(module, features=features)
    with _Watch(recording):
        yield recording
