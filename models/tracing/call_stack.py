"""Which module is computing right now, read from the call stack.

A module call always passes through `torch.nn.Module._call_impl`, so the frames of that function
*are* the stack of modules. Reading them costs nothing until a site is found, needs no hook on the
network (there is nothing to leave behind, not even after an exception), and cannot mix up two
threads that run the same module.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn

_CALL = nn.Module._call_impl.__code__

_OURS = str(Path(__file__).parents[1])
_TORCHS = str(Path(torch.__file__).parent)
_LIBRARY: dict[CodeType, bool] = {}
"""Whether code is torch's or this project's own: no place in the network of a person."""


class Call(NamedTuple):
    """What a module was called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Parts = Sequence[tuple[str, nn.Module]]
"""All modules of a network with their paths."""


def parts_of(root: nn.Module) -> Parts:
    """The network itself and every submodule, with one path each where several lead to it."""
    seen, unvisited = {id(root)}, [("", root)]
    found: list[tuple[str, nn.Module]] = [("", root)]
    while unvisited:
        prefix, module = unvisited.pop()
        # _modules, not named_modules(): this runs for every capture, and that takes twice as long.
        for name, child in module._modules.items():
            if child is not None and id(child) not in seen:
                # A compiled part is called as it was before it was compiled.
                path = prefix[:-1] if name == "_orig_mod" else prefix + name
                seen.add(id(child))
                found.append((path, child))
                unvisited.append((f"{path}." if path else "", child))
    return found


class Structure:
    """The modules of a network as they stood when it was first asked for, found again in no time.

    rest: all parts but the network itself, which must not be held here; paths: of all of them by
    their identity; children: of each, to tell whether anything was replaced since.
    """

    def __init__(self, root: nn.Module) -> None:
        parts = parts_of(root)
        self.rest = parts[1:]
        self.paths = module_paths(parts)
        self._own = tuple(root._modules.values())
        self._children = [(part, tuple(part._modules.values())) for _, part in self.rest]

    def holds(self, root: nn.Module) -> bool:
        """Whether the network still has these modules."""
        return tuple(root._modules.values()) == self._own and all(
            tuple(part._modules.values()) == children for part, children in self._children
        )


_structures: WeakKeyDictionary[nn.Module, Structure] = WeakKeyDictionary()


def structure_of(root: nn.Module) -> Structure:
    """The modules of a network, looked for once as long as none is replaced."""
    known = _structures.get(root)
    if known is None or not known.holds(root):
        known = _structures[root] = Structure(root)
    return known


def module_paths(parts: Parts) -> dict[int, str]:
    """The path of every module by its identity."""
    return {id(module): path for path, module in parts}


def calling_module(paths: dict[int, str]) -> str:
    """The path of the innermost module of `paths` whose call is on this thread's stack, or ""."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALL:
            path = paths.get(id(frame.f_locals["self"]))
            if path is not None:
                return path
        frame = frame.f_back
    return ""


def is_running(paths: dict[int, str]) -> bool:
    """Whether a call of any module of `paths` is on this thread's stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALL and id(frame.f_locals["self"]) in paths:
            return True
        frame = frame.f_back
    return False


def _is_library(code: CodeType) -> bool:
    known = _LIBRARY.get(code)
    if known is None:
        known = code.co_filename.startswith((_OURS, _TORCHS, "<"))
        # The networks of this project are networks like any other.
        known &= "/models/networks/" not in code.co_filename
        known &= "/models/mechanisms/" not in code.co_filename
        _LIBRARY[code] = known
    return known


def place_in_code() -> tuple[str, int]:
    """(file, line) of the innermost frame on this thread's stack that is neither torch's nor this
    project's; ("", 0) where there is none.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not _is_library(frame.f_code):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def call_of(root: nn.Module) -> Call | None:
    """What the outermost call of `root` on this thread's stack was given; None where none is."""
    found: Call | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALL and frame.f_locals["self"] is root:
            found = Call(frame.f_locals["args"], frame.f_locals["kwargs"])
        frame = frame.f_back
    return found
