"""Keeps torch on the same code paths as when unwatched.

Torch sometimes checks whether a function mode is active, and takes another path if so. Here those
checks are answered as without the mode, while at least one pass is watched:

- `nn.MultiheadAttention`, `nn.TransformerEncoder` and its layer leave their fused kernels under any
mode, which changes the numbers. They are told that no mode is active if only ours are.
- `multi_head_attention_forward` dispatches to a mode as a whole. `inside` lets its body run.
- `torch.compile`d code runs eagerly meanwhile (`tracing/compiled.py`).
- A function mode belongs to its thread. Threads that a network starts are watched too.

The first three patch attributes of torch temporarily, for all threads; each patch behaves like
torch itself on threads that watch nothing.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from fovea.models.tracing import compiled

Carry = Callable[[], AbstractContextManager[Any]]
"""What a mode passes on to another thread; created in the mode's thread."""

_lock = threading.RLock()
_watching = 0
_undo: list[Callable[[], None]] = []
_asked = threading.local()
_made: dict[tuple[int, str], tuple[Any, Any]] = {}
"""A replacement for a torch attribute with the original: created once."""


def enter(notice: compiled.Notice = lambda _: None) -> None:
    """Starts watching a pass on this thread. notice: told about compiled code that runs eagerly."""
    global _watching
    compiled.watched(notice)
    with _lock:
        _watching += 1
        if _watching == 1:
            _install()
        compiled.install()


def leave() -> None:
    """Ends watching a pass."""
    global _watching
    compiled.unwatched()
    with _lock:
        _watching -= 1
        if not _watching:
            while _undo:
                _undo.pop()()
            compiled.remove()


def _replace(owner: Any, name: str, made: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    known = _made.get((id(owner), name))
    if known is None or known[0] is not original:
        known = _made[id(owner), name] = original, functools.wraps(original)(made(original))
    setattr(owner, name, known[1])
    _undo.append(lambda: setattr(owner, name, original))


def _install() -> None:
    _replace(torch.overrides, "has_torch_function", _of_subclasses)
    _replace(F, "has_torch_function", _unless_inside)
    _replace(torch, "compile", _eagerly)
    _replace(threading.Thread, "start", _carried_by_thread)
    _replace(ThreadPoolExecutor, "submit", _carried_by_pool)


# Checks -------------------------------------------------------------------------------------------


def _is_subclass(value: object) -> bool:
    """Whether a tensor overrides torch functions itself, whatever modes are active."""
    kind = type(value)
    if kind in (Tensor, nn.Parameter):
        return False
    answer = getattr(kind, "__torch_function__", None)
    return answer not in (None, torch._C._disabled_torch_function_impl)


def _of_subclasses(original: Callable[..., bool]) -> Callable[..., bool]:
    def has_torch_function(relevant: Iterable[object]) -> bool:
        modes = _get_current_function_mode_stack()
        if modes and all(getattr(mode, "takes_fused_paths", False) for mode in modes):
            asks = sys._getframe(1).f_globals.get("__name__", "")
            if asks.startswith("torch.nn.modules"):  # not an operator, which must be seen
                return any(map(_is_subclass, relevant))
        return original(relevant)

    return has_torch_function


def _unless_inside(original: Callable[..., bool]) -> Callable[..., bool]:
    def has_torch_function(relevant: Iterable[object]) -> bool:
        if getattr(_asked, "inside", False):
            _asked.inside = False
            return False
        return original(relevant)

    return has_torch_function


@contextmanager
def inside() -> Iterator[None]:
    """`multi_head_attention_forward`, called inside, runs its body under the active modes.

    Raises RuntimeError if called recursively: torch no longer makes the check.
    """
    if getattr(_asked, "inside", False):
        raise RuntimeError("multi_head_attention_forward does not let a mode inside")
    _asked.inside = True
    try:
        yield
    finally:
        _asked.inside = False


def _eagerly(original: Callable[..., Any]) -> Callable[..., Any]:
    def compile(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        with _lock:
            if _watching:
                compiled.install()  # Dynamo may have just been imported
        return made

    return compile


# Threads ------------------------------------------------------------------------------------------


def _carries() -> list[Carry]:
    """What this thread's modes pass on to another thread; only inside a network's call."""
    modes = _get_current_function_mode_stack()
    found = [mode.carry() for mode in modes if hasattr(mode, "carry")]
    return [carry for carry in found if carry is not None]


def _under(carries: list[Carry], run: Callable[..., Any]) -> Callable[..., Any]:
    def carried(*args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            for carry in carries:
                stack.enter_context(carry())
            return run(*args, **kwargs)

    return carried


def _carried_by_thread(original: Callable[..., None]) -> Callable[..., None]:
    def start(self: threading.Thread) -> None:
        carries = [] if getattr(_asked, "submitting", False) else _carries()
        if carries:
            run = _under(carries, self.run)

            def once() -> None:
                vars(self).pop("run", None)
                run()

            self.run = once  # type: ignore[method-assign]
        original(self)

    return start


def _carried_by_pool(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(
        self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        carries = _carries()
        _asked.submitting = True  # the work takes the mode along, not the pool's thread
        try:
            return original(self, _under(carries, fn) if carries else fn, *args, **kwargs)
        finally:
            _asked.submitting = False

    return submit
