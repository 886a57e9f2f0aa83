"""The tensor in what a network gives back, without touching the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

_NAMES = ("logits", "logits_per_image", "pooler_output", "last_hidden_state")
"""Where transformers' networks put what others return, the most telling first."""


def tensor_of(output: Any) -> Tensor:
    """A tensor is itself; of a transformers output it is the logits, else the features; else the
    first tensor that there is. Raises TypeError where there is none.
    """
    found = next(tensors_of(output), None)
    if found is None:
        raise TypeError(f"the network gives a {type(output).__name__} without a tensor in it")
    return found


def tensors_of(output: Any) -> Iterator[Tensor]:
    """Every tensor in what a network gives back, the most telling first: of a mapping, a dataclass,
    a tuple or a list, however they are nested.
    """
    if isinstance(output, Tensor):
        yield output
        return
    if is_dataclass(output) and not isinstance(output, type | Mapping):
        output = {field.name: getattr(output, field.name) for field in fields(output)}
    parts: Iterable[Any] = ()
    if isinstance(output, Mapping):
        named = [name for name in _NAMES if output.get(name) is not None]
        parts = [output[name] for name in (*named, *(n for n in output if n not in named))]
    elif isinstance(output, tuple | list):
        parts = output
    for part in parts:
        yield from tensors_of(part)
