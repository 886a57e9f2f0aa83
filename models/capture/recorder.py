"""The context manager: watches the torch functions that a forward pass calls and keeps what
attends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fovea.models.kinds.registry import FOLLOWS, STARTS
from fovea.models.records import Kind, Site, Tensors, Trace
from fovea.models.tracing.call_stack import Call, call_of, calling_module, module_paths
from fovea.models.tracing.origins import Origins
from fovea.models.tracing.stopping import check

Function = Callable[..., Any]


class Recording:
    """What one `capture` has seen so far; `trace` may be read during and after the `with`."""

    def __init__(self, module: nn.Module, *, features: bool, gradients: bool) -> None:
        self.features, self.gradients = features, gradients
        self.origins = Origins()
        # Heads that the function now running has folded into the batch axis, where it says so.
        self.folded_heads: int | None = None
        # For each site, what the network was called with when it was found; None where a part of
        # the network was called alone. The same object for all sites of one call.
        self.calls: list[Call | None] = []
        self._module = module
        self.paths = module_paths(module)
        self._sites: list[Site] = []
        self._differentiable: dict[int, tuple[Tensor, Callable[[Tensor], Tensor]]] = {}

    @property
    def trace(self) -> Trace:
        return Trace(tuple(self._sites))

    def add(
        self,
        kind: Kind,
        tensors: Tensors,
        differentiable: Tensor | None = None,
        arrange: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        note: str | None = None,
    ) -> None:
        """Append a site, named after the module that is computing at this moment.

        differentiable: the tensor of the graph whose gradient belongs to the site; arrange: from
        its shape to that of the record. note: what a reader of its values has to know.
        """
        check()
        if self.gradients and differentiable is not None and differentiable.requires_grad:
            self._differentiable[len(self._sites)] = differentiable, arrange
        self.calls.append(self._call())
        self._sites.append(
            Site(
                id=f"s{len(self._sites):02d}",
                kind=kind,
                layer=sum(site.kind == kind for site in self._sites),
                name=calling_module(self.paths),
                tensors=tensors,
                note=note,
            )
        )

    def _call(self) -> Call | None:
        now, last = call_of(self._module), self.calls[-1] if self.calls else None
        same = now is not None and last is not None and now.kwargs is last.kwargs
        return last if same else now

    def differentiate(self, target: Tensor) -> Trace:
        """The trace with the gradients of a scalar `target` filled in; frees the graph.

        One backward pass gives ∂target/∂(A·V) at every fused attention, from which ∂target/∂A
        follows a row at a time, and ∂target/∂A itself where the network made the matrix.
        Raises ValueError unless `capture` was asked for gradients and the forward pass built a
        graph (some input or parameter requires grad, no inference_mode).
        """
        if not self.gradients:
            raise ValueError("gradients were not asked for: capture(module, gradients=True)")
        if not self._differentiable:
            raise ValueError("nothing to differentiate: let the input require grad")
        return self.differentiate_from([target], [torch.ones_like(target)], [])[1]

    def differentiate_from(
        self, outputs: Sequence[Tensor], gradients: Sequence[Tensor], roots: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], Trace]:
        """(gradients of `roots`, trace with gradients) where those of `outputs` are known.

        The same pass serves both; the graph is freed. What nothing depends on has a gradient of
        zero.
        """
        tensors = [tensor for tensor, _ in self._differentiable.values()]
        if not roots and not tensors:
            return (), self.trace
        found = torch.autograd.grad(
            outputs, [*roots, *tensors], gradients, allow_unused=True, materialize_grads=True
        )
        sites = list(self._sites)
        for index, gradient in zip(self._differentiable, found[len(roots) :], strict=True):
            _, arrange = self._differentiable[index]
            sites[index] = _with_gradient(sites[index], arrange(gradient).detach())
        self._differentiable.clear()
        return found[: len(roots)], Trace(tuple(sites))


def _with_gradient(site: Site, gradient: Tensor) -> Site:
    attention = site.attention
    if attention.probabilities is None:
        return replace(site, tensors=replace(attention, output_gradient=gradient))
    return replace(site, tensors=replace(attention, probabilities_gradient=gradient))


class _Watch(TorchFunctionMode):
    """Passes every torch function through unchanged; a few have a handler that looks on."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording
        self._begun = recording.origins.known  # asked for every function that is called

    def __torch_function__(
        self,
        func: Function,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        handler = STARTS.get(func)
        if handler is None and self._begun:
            handler = FOLLOWS.get(func)
        if handler is not None:
            return handler(self, func, args, kwargs or {})
        return func(*args, **kwargs) if kwargs else func(*args)


@contextmanager
def capture(
    module: nn.Module, *, features: bool = False, gradients: bool = False
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
    memory. gradients: keep what `Recording.differentiate` needs, the graph included.

    One case is beyond it: `nn.MultiheadAttention` has a fused inference kernel which torch itself
    switches off under any function mode; its captured output equals that kernel's to rounding,
    not to the bit.
    """
    recording = Recording(module, features=features, gradients=gradients)
    with _Watch(recording):
        yield recording
