"""Who may use how many cores: the inference thread all of them, every other thread one.

Each thread that runs a parallel torch operation gets a team of workers of its own. With more
workers than cores the OpenMP runtime no longer lets them wait ready for the next operation, and a
forward pass, which is hundreds of short ones, takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

T = TypeVar("T")


def use_one_core() -> None:
    """For the calling thread, from now on."""
    torch.set_num_threads(1)


def on_one_core(function: Callable[..., T], *arguments: Any) -> T:
    """What `function` gives, in a thread that is not ours to set up."""
    use_one_core()
    return function(*arguments)
