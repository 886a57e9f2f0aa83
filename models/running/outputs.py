"""The main tensor of a network's output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

_NAMES = ("logits", "logits_per_image", "pooler_output", "last_hidden_state")
"""Fields of transformers outputs, most informative first."""


def tensor_of(output: Any) -> Tensor:
    """A tensor itself; of a transformers output the logits, else the features; else the first
    tensor. Raises TypeError if there is none.
    """
    found = next(tensors_of(output), None)
    if found is None:
        raise TypeError(f"the network gives a {type(output).__name__} without a tensor in it")
    return found


def tensors_of(output: Any) -> Iterator[Tensor]:
    """Every tensor of a network's output, most informative first, in nested mappings, dataclasses,
    tuples and lists.
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
