"""Tunes how the process allocates memory and returns it to the system (glibc only).

By default glibc maps every tensor above 128 KB anew until its threshold adapts, and each page of a
new mapping costs a page fault: 4 ms of a 45 ms pass. Its many arenas also keep what they free. So:
two arenas, tensors from the heap, and free memory is returned every few seconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable

SETTINGS = (
    (-8, "MALLOC_ARENA_MAX", 2),
    (-3, "MALLOC_MMAP_THRESHOLD_", 32 << 20),  # the largest that glibc allows
    (-1, "MALLOC_TRIM_THRESHOLD_", 128 << 20),
)
"""(mallopt parameter, environment variable that overrides it, value)."""

GIVE_BACK_S = 5.0


def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # not glibc, for example Windows
        return None
    return library if hasattr(library, "malloc_trim") else None


_GLIBC = _library()


def settle() -> None:
    """Applies to the whole process; call before it has threads."""
    for number, variable, value in SETTINGS:
        if _GLIBC is not None and variable not in os.environ:
            _GLIBC.mallopt(number, value)


def give_back() -> None:
    """Returns the free memory of all arenas to the system."""
    if _GLIBC is not None:
        _GLIBC.malloc_trim(0)


async def keep_small(work_done: Callable[[], int]) -> None:
    """Trims memory while work is being done; runs until cancelled.

    work_done: a counter that grows with the work.
    """
    before = work_done()
    while True:
        await asyncio.sleep(GIVE_BACK_S)
        if (now := work_done()) != before:
            before = now
            await asyncio.to_thread(give_back)
