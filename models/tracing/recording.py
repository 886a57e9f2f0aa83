"""What one watched pass has seen so far: its sites, and where its tensors came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fovea.models.records import Kind, Site, Tensors, Trace
from fovea.models.tracing.call_stack import call_of, calling_module, module_paths
from fovea.models.tracing.constants import Constants
from fovea.models.tracing.entry import Entries, Entry
from fovea.models.tracing.origins import Origins
from fovea.models.tracing.stopping import check


class Recording:
    """What one `capture` has seen so far; `trace` may be read during and after the `with`."""

    def __init__(
        self, module: nn.Module, *, features: bool, gradients: bool, entries: bool = False
    ) -> None:
        self.features, self.gradients = features, gradients
        self.origins = Origins()
        self.constants = Constants(module)
        # Heads that the function now running has folded into the batch axis, where it says so.
        self.folded_heads: int | None = None
        # For each site, how the network was entered when it was found, if that was asked for: the
        # same object for all sites of one call.
        self.calls: list[Entry | None] = []
        self._module = module
        self.paths = module_paths(module)
        self._entries = Entries(module, self.paths) if entries else None
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
        self.calls.append(self.enter())
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

    def enter(self) -> Entry | None:
        """How the network was entered, if that was asked for. To be called early in a call: what a
        method was given is read from its variables, before it changes them.
        """
        return None if self._entries is None else self._entries.now()

    def leave(self) -> None:
        """Nothing runs any more: let go of what the frames of calls keep alive."""
        if self._entries is not None:
            self._entries.forget_frames()

    def photos(self) -> int | None:
        """How many photos the network was given together; None where nobody can tell."""
        call = call_of(self._module)
        given = () if call is None else (*call.args, *call.kwargs.values())
        pictures = (one for one in given if isinstance(one, Tensor) and one.ndim == 4)
        picture = next(pictures, None)
        return None if picture is None else picture.shape[0]

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


class Watch(Protocol):
    """What a handler is given: the recording, and a mode that it may enter again."""

    recording: Recording

    def __enter__(self) -> Any: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None: ...
