"""From a table of builders to families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.coverage.families import Built, Family

Builder = Callable[[], tuple[nn.Module, tuple[Any, ...]]]
"""(module, what its forward pass takes, in order)"""


def noise(*size: int) -> Tensor:
    """The same noise every time."""
    return torch.randn(size, generator=torch.Generator().manual_seed(0))


def words(length: int = 8) -> Tensor:
    """(1, length): token numbers."""
    return torch.arange(3, 3 + length)[None]


def _built(build: Builder, name: str) -> Built:
    torch.manual_seed(0)
    module, inputs = build()
    named = dict(zip(signature(module.forward).parameters, inputs, strict=False))
    return module.eval(), named, name


def families(library: str, builders: Mapping[str, Builder]) -> Iterator[Family]:
    """One for every row of a table."""
    for name, build in builders.items():
        yield Family(library, name, partial(_built, build, name))
