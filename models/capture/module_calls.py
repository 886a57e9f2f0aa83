"""What chosen modules of a network were called with, so that each can be run again by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Size, Tensor, nn, no_grad
from torch.utils._pytree import tree_map


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """One call of the module at `path`; run `module(*args, **kwargs)` to repeat it.

    output: what it gave, where that was asked for.
    """

    path: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any = None


@dataclass(eq=False, slots=True)
class Calls:
    """The calls of the chosen modules in order; tail: the modules without parts that ran after."""

    made: list[Call] = field(default_factory=list)
    tail: list[nn.Module] = field(default_factory=list)


def differentiable(value: Any) -> Any:
    """A leaf of its own graph with the same values; what is no number with a fraction as it is."""
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.detach().requires_grad_() if floating else value


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


@contextmanager
def calls(
    module: nn.Module, chosen: Mapping[str, nn.Module], *, apart: bool = False
) -> Iterator[Calls]:
    """Notes, during the `with`, how the chosen modules of `module` are called.

    Their inputs are copied; or, with `apart`, each begins a graph of its own and its output is
    noted. The hooks are gone after the `with`, whatever happens in it.
    """
    noted = Calls()
    inside = {id(part) for block in chosen.values() for part in block.modules()}

    def before(path: str) -> Any:
        def hook(called: nn.Module, args: Any, kwargs: Any) -> Any:
            given = tree_map(differentiable if apart else _copied, (args, kwargs))
            noted.made.append(Call(path, called, *given))
            noted.tail.clear()
            return given if apart else None

        return hook

    def gave(called: nn.Module, args: Any, output: Any) -> None:
        noted.made[-1] = replace(noted.made[-1], output=output)

    def after(called: nn.Module, args: Any, output: Any) -> None:
        noted.tail.append(called)

    handles = [
        block.register_forward_pre_hook(before(path), with_kwargs=True)
        for path, block in chosen.items()
    ]
    if apart:
        handles += [block.register_forward_hook(gave) for block in chosen.values()]
    handles += [
        part.register_forward_hook(after)
        for part in module.modules()
        if id(part) not in inside and next(part.children(), None) is None
    ]
    try:
        yield noted
    finally:
        for handle in handles:
            handle.remove()


def last_picture(module: nn.Module, inputs: Tensor) -> tuple[nn.Module | None, Any]:
    """The part of a convolutional network that gives its last feature map with rows and columns,
    and the output of the pass in which that was found.

    The last module whose output (batch, channel, row, column) has the rows and columns of the last
    convolution's, so that a norm, an activation or a whole stage after it counts. No part where
    fewer than two convolutions see more than one place: a transformer's patches are cut by one.
    """
    pictures: list[tuple[nn.Module, Size]] = []
    convolved: list[Size] = []

    def after(called: nn.Module, args: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4 or output[0, 0].numel() < 2:
            return
        if isinstance(called, nn.Conv2d):
            convolved.append(output.shape[2:])
        pictures.append((called, output.shape[2:]))

    parts = [part for part in module.modules() if part is not module]
    handles = [part.register_forward_hook(after) for part in parts]
    try:
        with no_grad():
            output = module(inputs)
    finally:
        for handle in handles:
            handle.remove()
    if len(convolved) < 2:
        return None, output
    return [part for part, size in pictures if size == convolved[-1]][-1], output


@contextmanager
def graph_from(layer: nn.Module) -> Iterator[list[Tensor]]:
    """During the `with` the graph begins at what `layer` gives: what runs before it builds none,
    unless parameters or inputs ask for it. The list holds what it gave, the leaves of the graph.
    """
    leaves: list[Tensor] = []

    def begin(called: nn.Module, args: Any, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        # A copy of a leaf, because what comes next may write over it.
        return leaves[-1].clone()

    handle = layer.register_forward_hook(begin)
    try:
        yield leaves
    finally:
        handle.remove()
