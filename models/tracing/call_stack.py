"""Which module is computing right now, read from the call stack.

A module call always passes through `torch.nn.Module._call_impl`, so the frames of that function
*are* the stack of modules. Reading them costs nothing until a site is found, needs no hook on the
network (there is nothing to leave behind, not even after an exception), and cannot mix up two
threads that run the same module.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, NamedTuple

from torch import nn

_CALL = nn.Module._call_impl.__code__


class Call(NamedTuple):
    """What a module was called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def module_paths(root: nn.Module) -> dict[int, str]:
    """The path of every submodule by the identity of the module; one of them where it is shared."""
    paths, unvisited = {id(root): ""}, [("", root)]
    while unvisited:
        prefix, module = unvisited.pop()
        # _modules, not named_modules(): this runs for every capture, and that takes twice as long.
        for name, child in module._modules.items():
            if child is not None and id(child) not in paths:
                paths[id(child)] = prefix + name
                unvisited.append((f"{prefix}{name}.", child))
    return paths


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


def call_of(root: nn.Module) -> Call | None:
    """What the outermost call of `root` on this thread's stack was given; None where none is."""
    found: Call | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALL and frame.f_locals["self"] is root:
            found = Call(frame.f_locals["args"], frame.f_locals["kwargs"])
        frame = frame.f_back
    return found
