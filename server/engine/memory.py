"""How the process asks the operating system for memory, and when it gives it back (glibc only).

Left alone, glibc maps every tensor above 128 KB anew until it has learnt better, and each page of a
new mapping costs a fault: 4 ms of a pass of 45 ms. And what its many arenas have free they keep.
So here: two arenas, tensors from the heap, and what is free goes back every few seconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable

SETTINGS = (
    (-8, "MALLOC_ARENA_MAX", 2),
    (-3, "MALLOC_MMAP_THRESHOLD_", 32 << 20),  # the most that glibc takes from a heap
    (-1, "MALLOC_TRIM_THRESHOLD_", 128 << 20),
)
"""Number for mallopt, the variable that sets the same and comes first, and the value."""

GIVE_BACK_S = 5.0


def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # There is no such thing, as on Windows.
        return None
    return library if hasattr(library, "malloc_trim") else None


_GLIBC = _library()


def settle() -> None:
    """For the whole process, before it has threads."""
    for number, variable, value in SETTINGS:
        if _GLIBC is not None and variable not in os.environ:
            _GLIBC.mallopt(number, value)


def give_back() -> None:
    """What is free, in all arenas."""
    if _GLIBC is not None:
        _GLIBC.malloc_trim(0)


async def keep_small(work_done: Callable[[], int]) -> None:
    """Gives back what is free as long as there is something new of it; until it is cancelled.

    work_done: a count that grows with what has been worked on.
    """
    before = work_done()
    while True:
        await asyncio.sleep(GIVE_BACK_S)
        if (now := work_done()) != before:
            before = now
            await asyncio.to_thread(give_back)
