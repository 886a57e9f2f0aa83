"""Abandons a pass that nobody waits for: checked between sites, blocks or words.

Code that runs a network in a thread provides a function that tells whether its work was abandoned;
long computations call `check`. Outside of `stoppable` this is a cheap look-up without effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_here = threading.local()


class Abandoned(Exception):
    """Nobody waits for the result; raised by `check`."""


@contextmanager
def stoppable(stopped: Callable[[], bool]) -> Iterator[None]:
    """Work inside the `with`, on this thread, ends at its next `check` once `stopped`
    returns True.
    """
    before = getattr(_here, "stopped", None)
    _here.stopped = stopped
    try:
        yield
    finally:
        _here.stopped = before


def check() -> None:
    """Raises Abandoned if this thread's work was abandoned."""
    stopped = getattr(_here, "stopped", None)
    if stopped is not None and stopped():
        raise Abandoned
