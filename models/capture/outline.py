"""A forward pass with bounded memory: the first sites are kept whole, the rest as shapes only.

The missing tensors can be recomputed block by block from the recorded block inputs
(`module_calls.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.capture.recorder import _Watch
from fovea.models.records import Kind, Tensors
from fovea.models.tracing.recording import Recording


def shapes_of(tensors: Tensors) -> Tensors:
    """The record with tensors that have a shape and no memory (meta device)."""
    empty: dict[str, Any] = {
        name: torch.empty_like(value, device="meta") for name, value in _fields(tensors).items()
    }
    return replace(tensors, **empty)


def is_outline(tensors: Tensors) -> bool:
    """Whether the record contains shapes only."""
    return any(value.is_meta for value in _fields(tensors).values())


def _fields(tensors: Tensors) -> dict[str, Tensor]:
    values = {name: getattr(tensors, name) for name in tensors.__dataclass_fields__}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


class _Outlined(Recording):
    """Keeps tensors up to `keep_bytes` in total; of later sites only the shapes."""

    def __init__(self, module: nn.Module, keep_bytes: int) -> None:
        super().__init__(module, features=False, gradients=False)
        self._left = keep_bytes

    def add(
        self,
        kind: Kind,
        tensors: Tensors,
        differentiable: Tensor | None = None,
        arrange: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        note: str | None = None,
        part: str = "",
    ) -> None:
        self._left -= sum(value.nbytes for value in _fields(tensors).values())
        if self._left < 0:
            tensors = shapes_of(tensors)
        super().add(kind, tensors, None, arrange, note)


@contextmanager
def outlined(module: nn.Module, keep_bytes: int = 0) -> Iterator[Recording]:
    """Like `capture`, without gradients, and with at most `keep_bytes` of tensors in its trace."""
    recording = _Outlined(module, keep_bytes)
    with _Watch(recording):
        yield recording
