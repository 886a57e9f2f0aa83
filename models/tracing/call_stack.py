"""Which module is running, read from the Python call stack.

Every module call passes through `torch.nn.Module._call_impl`, so the frames of that function are
the stack of modules. Reading them costs nothing until a site is found, needs no hook on the network
(nothing is left behind, even after an exception), and cannot confuse threads that run the same
module.
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
"""Whether a file belongs to torch or this project, and not to the user's network."""


class Call(NamedTuple):
    """The arguments of a module call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Parts = Sequence[tuple[str, nn.Module]]
"""All modules of a network with their paths."""


def parts_of(root: nn.Module) -> Parts:
    """The network and every submodule; a module with several paths gets one of them."""
    seen, unvisited = {id(root)}, [("", root)]
    found: list[tuple[str, nn.Module]] = [("", root)]
    while unvisited:
        prefix, module = unvisited.pop()
        # _modules, not named_modules(): this runs for every capture and is twice as fast.
        for name, child in module._modules.items():
            if child is not None and id(child) not in seen:
                # A compiled part is called by its original path.
                path = prefix[:-1] if name == "_orig_mod" else prefix + name
                seen.add(id(child))
                found.append((path, child))
                unvisited.append((f"{path}." if path else "", child))
    return found


class Structure:
    """The modules of a network at first use, cached.

    rest: all parts except the network itself, which must not be referenced here; paths: of all of
    them by id; children: of each, to detect replacements.
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
    """The modules of a network, collected once until one is replaced."""
    known = _structures.get(root)
    if known is None or not known.holds(root):
        known = _structures[root] = Structure(root)
    return known


def module_paths(parts: Parts) -> dict[int, str]:
    """The path of every module by its id."""
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
        # The project's own networks count as the user's.
        known &= "/models/networks/" not in code.co_filename
        known &= "/models/mechanisms/" not in code.co_filename
        _LIBRARY[code] = known
    return known


def place_in_code() -> tuple[str, int]:
    """(file, line) of the innermost frame on this thread's stack outside torch and this project;
    ("", 0) if there is none.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not _is_library(frame.f_code):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def call_of(root: nn.Module) -> Call | None:
    """The arguments of the outermost call of `root` on this thread's stack; None if there
    is none.
    """
    found: Call | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALL and frame.f_locals["self"] is root:
            found = Call(frame.f_locals["args"], frame.f_locals["kwargs"])
        frame = frame.f_back
    return found
