"""Runs `torch.compile`d code eagerly while it is watched.

Dynamo bypasses Python and cannot trace a function mode, so compiled code runs as the original
Python (torch's stance "force_eager"). That stance is process-wide; threads that watch nothing are
exempted where torch allows it. A kernel compiled on its own (`torch.compile(flex_attention)`) is
one attention: it runs compiled, as when unwatched, outside any mode, and its arguments are
recorded.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import CodeType, FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack, _pop_mode_temporarily

_DECIDES = "_callback_from_stance"
"""The function in torch._dynamo.eval_frame that every compiled call consults."""

_CALL = "compile_wrapper"
"""The function that runs in place of a compiled one."""

EAGERLY = "it is compiled, and runs eagerly while it is watched, which may round differently"

Notice = Callable[[str], None]
"""Called with the name of a compiled function that runs eagerly."""

_lock = threading.RLock()
_undo: list[Callable[[], Any]] = []
_thread = threading.local()


def _notices() -> list[Notice]:
    """Watchers of this thread, innermost last."""
    found: list[Notice] = _thread.__dict__.setdefault("notices", [])
    return found


def watched(notice: Notice) -> None:
    """Starts watching a pass on this thread."""
    _notices().append(notice)


def unwatched() -> None:
    """Ends this thread's innermost watched pass."""
    _notices().pop()


def install() -> None:
    """Makes compiled code run eagerly while watched; does nothing if Dynamo is not imported.

    May be called again, in case Dynamo was imported meanwhile.
    """
    frames = sys.modules.get("torch._dynamo.eval_frame")
    with _lock:
        if _undo or frames is None or not hasattr(torch.compiler, "set_stance"):
            return
        before = getattr(getattr(frames, "_stance", None), "stance", None)
        decide = getattr(frames, _DECIDES, None)
        if decide is not None and before == "default":
            setattr(frames, _DECIDES, functools.wraps(decide)(_by_thread(decide)))
            _undo.append(lambda: setattr(frames, _DECIDES, decide))
        stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        stance.__enter__()
        _undo.append(lambda: stance.__exit__(None, None, None))


def remove() -> None:
    """Undoes `install`."""
    with _lock:
        while _undo:
            _undo.pop()()


def _by_thread(decide: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def callback(given: Any) -> Any:
        notices = _notices()
        if not notices or getattr(_thread, "as_compiled", False):
            return given  # the default
        if given not in (None, False):
            name = _function_of(sys._getframe(1))
            if name is not None:
                notices[-1](name)
        return decide(given)

    return callback


def _function_of(frame: FrameType) -> str | None:
    """The name of the compiled function whose call a frame is; None for a module's (reported before
    the pass), for torch's own, and for a kernel that runs compiled.
    """
    function = frame.f_locals.get("fn") if frame.f_code.co_name == _CALL else None
    module = getattr(function, "__module__", None) or ""
    if function is None or isinstance(function, nn.Module) or module.partition(".")[0] == "torch":
        return None
    if isinstance(getattr(function, "__self__", None), nn.Module):
        return None
    return str(getattr(function, "__qualname__", function))


@contextmanager
def _unseen() -> Iterator[None]:
    """Inside the `with` no mode is active, and compiled code runs compiled."""
    with ExitStack() as stack:
        while _get_current_function_mode_stack():
            stack.enter_context(_pop_mode_temporarily())
        before = getattr(_thread, "as_compiled", False)
        _thread.as_compiled = True
        try:
            yield
        finally:
            _thread.as_compiled = before


def run_compiled(code: CodeType) -> tuple[Any, dict[str, Any]] | None:
    """Runs the compiled function of the current call as when unwatched; returns its result and
    keyword arguments, or None if the function was not compiled on its own.

    code: of the function.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == _CALL:
            values = frame.f_locals
            function, context = values.get("fn"), values.get("self")
            if getattr(function, "__code__", None) is code and callable(context):
                with _unseen():
                    # Already compiled: torch finds the compiled code by the function's code object.
                    result = context(function)(*values["args"], **values["kwargs"])
                return result, values["kwargs"]
        frame = frame.f_back
    return None
