"""Disables gradient checkpointing (`torch.utils.checkpoint`) for one thread.

A checkpoint frees what its function saves, and calls it again in the backward pass. During block
replay (`models/capture/replay.py`) that saves nothing, and the second call would run other blocks
than the first. The function is then called directly; numbers and gradients are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch.utils.checkpoint as checkpoints

_lock = threading.RLock()
_plain = threading.local()
_users = 0
_undo: list[Callable[[], None]] = []


def _is_plain() -> bool:
    return getattr(_plain, "depth", 0) > 0


def _reentrant(original: Any) -> Any:
    class Checkpoint:
        """Replaces `CheckpointFunction`, which `checkpoint(use_reentrant=True)` applies."""

        @staticmethod
        def apply(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
            return function(*args) if _is_plain() else original.apply(function, preserve, *args)

    return Checkpoint


def _without_reentrant(original: Callable[..., Iterator[None]]) -> Callable[..., Iterator[None]]:
    def generator(*args: Any, **kwargs: Any) -> Iterator[None]:
        """Replaces the generator between whose halves `checkpoint` runs its function."""
        if _is_plain():
            yield
        else:
            yield from original(*args, **kwargs)

    return generator


_PARTS = {
    "CheckpointFunction": _reentrant,
    "_checkpoint_without_reentrant_generator": _without_reentrant,
    "_checkpoint_without_reentrant_generator_impl": _without_reentrant,  # from torch 2.14 on
}
"""Attributes that `checkpoint` looks up at call time, so names imported earlier work too. Those
that a version of torch lacks are skipped.
"""


def _restore(name: str, original: Any) -> Callable[[], None]:
    return lambda: setattr(checkpoints, name, original)


@contextmanager
def without_checkpoints() -> Iterator[None]:
    """Inside the `with`, checkpointed functions of this thread are called directly. Other threads
    are not affected.
    """
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            for name, made in _PARTS.items():
                original = getattr(checkpoints, name, None)
                if original is not None:
                    setattr(checkpoints, name, made(original))
                    _undo.append(_restore(name, original))
    _plain.depth = getattr(_plain, "depth", 0) + 1
    try:
        yield
    finally:
        _plain.depth -= 1
        with _lock:
            _users -= 1
            while not _users and _undo:
                _undo.pop()()
