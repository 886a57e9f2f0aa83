"""Parts compiled by TorchScript, which bypass Python and cannot be watched."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from types import FunctionType
from weakref import WeakKeyDictionary

import torch
from torch import nn

PART = "TorchScript does not pass through Python: nothing in there is seen"
FUNCTION = (
    "a function that TorchScript compiled attends or samples, and does not pass through Python"
)

_ATTENDS = ("softmax", "scaled_dot_product_attention", "grid_sampler")
"""Operations searched for in the graph of a compiled function."""

_known: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


def _attends(value: object) -> bool:
    if not isinstance(value, torch.jit.ScriptFunction):
        return False
    graph = str(value.inlined_graph)
    return any(f"aten::{name}" in graph for name in _ATTENDS)


def _used_by(kind: type) -> tuple[str, ...]:
    """The names of compiled attention functions that a module class calls."""
    found: dict[str, None] = {}
    for base in kind.__mro__:
        if base in (nn.Module, object):
            continue
        for method in vars(base).values():
            function = inspect.unwrap(getattr(method, "__func__", method))
            if not isinstance(function, FunctionType):
                continue
            code = function.__code__
            seen = {name: function.__globals__.get(name) for name in code.co_names}
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
                try:
                    seen[name] = cell.cell_contents
                except ValueError:
                    continue  # not initialised yet
            found.update(dict.fromkeys(name for name, value in seen.items() if _attends(value)))
    return tuple(found)


def _names_of(kind: type) -> tuple[str, ...]:
    names = _known.get(kind)
    if names is None:
        compiled = issubclass(kind, torch.jit.ScriptModule)
        names = _known[kind] = (kind.__name__,) if compiled else _used_by(kind)
    return names


def scripted(parts: Sequence[tuple[str, nn.Module]]) -> Iterator[tuple[str, str, str]]:
    """(module path, what, why it is not seen) for the TorchScript parts of a network."""
    kinds = {type(part) for _, part in parts}
    telling = {kind: names for kind in kinds if (names := _names_of(kind))}
    if telling:
        for path, part in parts:
            for name in telling.get(type(part), ()):
                yield path, name, FUNCTION if name != type(part).__name__ else PART
