"""Cores per thread: a lone forward pass uses all of them, every other thread one.

Each thread that runs a parallel torch operation gets its own OpenMP team. With more workers than
cores, OpenMP no longer spins between operations, and a forward pass, which is hundreds of short
operations, slows down.
"""

from __future__ import annotations

import torch

ALL_CORES = torch.get_num_threads()
"""torch's default thread count, read before any thread is limited to one core."""


def use_cores(count: int) -> None:
    """Sets the thread count for the calling thread.

    torch initialises a thread's count lazily, on its first query or operation, from a process-wide
    number that the latest `set_num_threads` of any thread has set. Querying first forces that
    initialisation; otherwise the thread's first operation would overwrite the count set here.
    """
    torch.get_num_threads()
    torch.set_num_threads(count)


def use_one_core() -> None:
    """Limits the calling thread to one core."""
    use_cores(1)
