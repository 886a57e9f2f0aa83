"""Who may use how many cores: a lone forward pass all of them, every other thread one.

Each thread that runs a parallel torch operation gets a team of workers of its own. With more
workers than cores the OpenMP runtime no longer lets them wait ready for the next operation, and a
forward pass, which is hundreds of short ones, takes longer.
"""

from __future__ import annotations

import torch

ALL_CORES = torch.get_num_threads()
"""What torch takes for itself, read before any thread has been given one core."""


def use_cores(count: int) -> None:
    """For the calling thread, from now on.

    torch sets a thread up when it first asks or computes, from a number that the whole process
    shares and that the latest call, of any thread, has set. Asking first gets this over with; a
    thread that sets its number before it asks has it overwritten by its first operation.
    """
    torch.get_num_threads()
    torch.set_num_threads(count)


def use_one_core() -> None:
    """For the calling thread, from now on."""
    use_cores(1)
