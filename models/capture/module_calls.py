"""Records the calls of chosen modules, so that each can be run again on its own."""

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

    output: its result, if requested.
    """

    path: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any = None


@dataclass(eq=False, slots=True)
class Calls:
    """The calls of the chosen modules in order; tail: childless modules that ran after the last of
    them.
    """

    made: list[Call] = field(default_factory=list)
    tail: list[nn.Module] = field(default_factory=list)


def differentiable(value: Any) -> Any:
    """A new graph leaf with the same values; non-floating tensors are returned unchanged."""
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.detach().requires_grad_() if floating else value


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


@contextmanager
def calls(
    module: nn.Module, chosen: Mapping[str, nn.Module], *, apart: bool = False
) -> Iterator[Calls]:
    """Records, during the `with`, the calls of the chosen modules of `module`.

    Inputs are copied; with `apart`, each call starts a graph of its own and its output is recorded.
    The hooks are removed after the `with`, even on an exception.
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
    """The module of a convolutional network that produces its last spatial feature map, and the
    output of the pass in which that was found.

    It is the last module whose output (batch, channel, row, column) has the rows and columns of the
    last convolution's output, so a norm, an activation or a whole stage after it counts. None if
    fewer than two convolutions have a kernel larger than 1: a transformer cuts its patches with
    one.
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
    if pictures and 1 not in pictures[-1][1]:
        # A gate's strips (coordinate attention) have one row or column; the map they weigh follows.
        convolved = [size for size in convolved if 1 not in size]
    if len(convolved) < 2:
        return None, output
    return [part for part, size in pictures if size == convolved[-1]][-1], output


@contextmanager
def graph_from(layer: nn.Module) -> Iterator[list[Tensor]]:
    """During the `with`, the autograd graph starts at the output of `layer`: earlier modules build
    none unless parameters or inputs require grad. The list receives the outputs, the leaves of the
    graph.
    """
    leaves: list[Tensor] = []

    def begin(called: nn.Module, args: Any, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        # A copy of a leaf, because later operations may write in place.
        return leaves[-1].clone()

    handle = layer.register_forward_hook(begin)
    try:
        yield leaves
    finally:
        handle.remove()
