"""The tensor in what a network gives back, without touching the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

_NAMES = ("logits", "logits_per_image", "pooler_output", "last_hidden_state")
"""Where transformers' networks put what others return, the most telling first."""


def tensor_of(output: Any) -> Tensor:
    """A tensor is itself; of a transformers output it is the logits, else the features; else the
    first tensor that there is. Raises TypeError where there is none.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        named = [output[name] for name in _NAMES if isinstance(output.get(name), Tensor)]
        parts: Sequence[Any] = [*named, *output.values()]
    else:
        parts = output if isinstance(output, tuple | list) else ()
    found = next((part for part in parts if isinstance(part, Tensor)), None)
    if found is None:
        raise TypeError(f"the network gives a {type(output).__name__} without a tensor in it")
    return found
