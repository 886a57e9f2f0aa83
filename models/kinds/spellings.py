"""The functions of torch that have a name: the method of Tensor and the function of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fovea.models.tracing.recording import Watch

Handler = Callable[[Watch, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Calls a function exactly as the network did and inspects its arguments and result."""

Handlers = dict[Callable[..., Any], Handler]


def spellings(names: str) -> list[Callable[..., Any]]:
    """The method of Tensor and the function of torch with each of these names, if they exist."""
    owners = (Tensor, torch)
    return [
        getattr(owner, name) for name in names.split() for owner in owners if hasattr(owner, name)
    ]
