"""Giving up a pass that nobody waits for any more: between two sites, blocks or words.

Whoever runs a network in a thread says how it learns that its work has been abandoned; what runs
for long asks in between. Outside of `stoppable` asking costs a look-up and changes nothing.
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
    """Work inside the `with`, on this thread, ends at its next `check` once `stopped` says yes."""
    before = getattr(_here, "stopped", None)
    _here.stopped = stopped
    try:
        yield
    finally:
        _here.stopped = before


def check() -> None:
    """Raises Abandoned where the work of this thread has been given up."""
    stopped = getattr(_here, "stopped", None)
    if stopped is not None and stopped():
        raise Abandoned
