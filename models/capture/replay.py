"""Gradients block by block: only one block's graph is in memory at a time.

A deep network is mostly a list of equal blocks. Each runs without a graph and its input is kept;
when the gradient arrives at its output, it runs once more, with a graph and under `capture`; then
its graph is freed (Chen et al. 2016, "Training deep nets with sublinear memory cost"). So a layer's
attention and its gradient exist one layer at a time, last layer first. The numbers equal those of a
plain backward pass, whatever the network does between its blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from fovea.models.capture.outline import shapes_of
from fovea.models.capture.recorder import _Watch, capture
from fovea.models.records import Kind, Site, Tensors
from fovea.models.tracing.checkpointing import without_checkpoints
from fovea.models.tracing.recording import Recording
from fovea.models.tracing.stopping import check

OnBlock = Callable[[Sequence[Site]], None]
"""Called with the sites of one block, gradients filled in; blocks come in the order of the backward
pass.
"""


def repeated(module: nn.Module) -> dict[str, nn.Module]:
    """Paths of the network's repeated blocks: the members of its outermost lists of two or more
    modules of one class.
    """
    found: dict[str, nn.Module] = {}

    def visit(path: str, part: nn.Module) -> None:
        children = [(f"{path}{name}", child) for name, child in part.named_children()]
        of_one_class = len(children) > 1 and len({type(child) for _, child in children}) == 1
        listed = isinstance(part, nn.ModuleList | nn.Sequential)
        if listed and of_one_class and not isinstance(children[0][1], nn.ModuleList):
            found.update(children)
            return
        for name, child in children:
            visit(f"{name}.", child)

    visit("", module)
    return found


class _Outline(Recording):
    """Records sites inside blocks by shape only, all others as usual.

    awaited: ids of the sites whose gradients are still needed; the backward pass stops after the
    last of them. None for all.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module, features=False, gradients=True)
        self.inside: str | None = None
        self.blocks: list[str | None] = []
        self.awaited: set[str] | None = None

    def add(
        self,
        kind: Kind,
        tensors: Tensors,
        differentiable: Tensor | None = None,
        arrange: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        note: str | None = None,
        part: str = "",
    ) -> None:
        self.blocks.append(self.inside)
        if self.inside is not None:
            tensors, differentiable = shapes_of(tensors), None
        super().add(kind, tensors, differentiable, arrange, note, part)


@dataclass(eq=False)
class _Call:
    """One call of a block: how to run it again, and its sites."""

    run: Callable[[Sequence[Tensor]], list[Any]]
    module: nn.Module
    on_block: OnBlock
    outline: _Outline
    sites: tuple[Site, ...] = ()


class _Replayed(torch.autograd.Function):
    """A block as a single autograd node: its backward runs the block again and
    differentiates it.
    """

    @staticmethod
    def forward(ctx: Any, call: _Call, *inputs: Tensor) -> Any:
        ctx.call = call
        ctx.save_for_backward(*inputs)
        with torch.no_grad():
            # Copies, because a block may modify its inputs in place.
            outputs = tuple(call.run([tensor.clone() for tensor in inputs]))
        ctx.mark_non_differentiable(*(o for o in outputs if not o.is_floating_point()))
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        call: _Call = ctx.call
        nothing = (None,) * len(ctx.needs_input_grad)
        awaited = call.outline.awaited
        if awaited is not None and not awaited:
            return nothing
        # Below the last awaited block no gradient is needed, not even at its input.
        last = awaited is not None and awaited <= {site.id for site in call.sites}
        wanted = ctx.needs_input_grad[1:]
        inputs = [
            tensor.detach().requires_grad_(want)
            for tensor, want in zip(ctx.saved_tensors, wanted, strict=True)
        ]
        with torch.enable_grad(), capture(call.module, gradients=True) as again:
            outputs = call.run([tensor.clone() for tensor in inputs])
        pairs = [
            (output, gradient)
            for output, gradient in zip(outputs, gradients, strict=True)
            if gradient is not None and output.requires_grad
        ]
        roots = [one for one in inputs if one.requires_grad and not last]
        of_roots, trace = again.differentiate_from(
            [output for output, _ in pairs], [gradient for _, gradient in pairs], roots
        )
        del outputs, pairs, again
        sites = zip(call.sites, trace.sites, strict=True)
        call.on_block([replace(known, tensors=new.tensors) for known, new in sites])
        if awaited is not None:
            awaited.difference_update(site.id for site in call.sites)
        if last:
            return nothing
        remaining = iter(of_roots)
        return None, *(next(remaining) if want else None for want in wanted)


def _tensors_of(structure: Any) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Any]]:
    """All tensors nested in `structure`, and a function that substitutes others for them."""
    leaves, spec = tree_flatten(structure)
    tensors = {i: leaf for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor)}
    places = tuple(tensors)
    # The closure must not hold the tensors, which would otherwise live as long as it does.
    others = [None if i in tensors else leaf for i, leaf in enumerate(leaves)]

    def filled(replacements: Sequence[Tensor]) -> Any:
        copy = list(others)
        for place, tensor in zip(places, replacements, strict=True):
            copy[place] = tensor
        return tree_unflatten(copy, spec)

    return list(tensors.values()), filled


def _wrapped(
    path: str, block: nn.Module, outline: _Outline, on_block: OnBlock
) -> Callable[..., Any]:
    """Replaces the block's forward on this thread during replay."""
    original, thread = block.forward, threading.get_ident()

    def forward(*args: Any, **kwargs: Any) -> Any:
        inputs, filled = _tensors_of((args, kwargs))
        if threading.get_ident() != thread or outline.inside is not None:
            return original(*args, **kwargs)
        outside: list[Callable[[Sequence[Tensor]], Any]] = []

        def run(tensors: Sequence[Tensor]) -> list[Tensor]:
            check()
            positional, named = filled(tensors)
            outputs, refilled = _tensors_of(original(*positional, **named))
            outside.append(refilled)
            return outputs

        call, before = _Call(run, block, on_block, outline), len(outline.trace.sites)
        outline.inside = path
        try:
            outputs = _Replayed.apply(call, *inputs)  # type: ignore[no-untyped-call]
        finally:
            outline.inside = None
        call.sites = outline.trace.sites[before:]
        return outside[0](outputs)

    return forward


@contextmanager
def replay(
    module: nn.Module, blocks: Mapping[str, nn.Module], on_block: OnBlock
) -> Iterator[_Outline]:
    """A forward pass inside the `with` keeps no block's graph; its backward pass delivers the
    sites.

        with replay(module, repeated(module), seen) as outline:
            target = module(photo)[0, 285]
        outline.differentiate_from([target], [torch.ones(())], [photo])

    Differentiate after the `with`. `photo` must require grad. If only some sites are needed, put
    their ids into `outline.awaited` first: the backward pass then stops early, and the gradient at
    `photo` is zero. The yielded trace has the shapes of all sites, but tensors only outside the
    blocks. Other threads that run the module meanwhile are not affected. Gradient checkpointing is
    disabled.
    """
    outline = _Outline(module)
    replaced = [block for block in blocks.values() if "forward" not in vars(block)]
    try:
        for path, block in blocks.items():
            if block in replaced:
                block.forward = _wrapped(path, block, outline, on_block)
        with without_checkpoints(), _Watch(outline, fused=False):
            yield outline
    finally:
        for block in replaced:
            vars(block).pop("forward", None)
