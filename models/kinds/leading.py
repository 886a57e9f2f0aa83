"""Traces what led to a site: earlier calls, linked by the identity of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fovea.models.tracing.operations import Called


def back_from(
    calls: Sequence[Called], ends: set[int], start: Tensor, *, through_maps: bool = True
) -> list[Called]:
    """The calls, in order, from `start` to the tensors whose ids are `ends`.

    `start` is not traced further; nor, without through_maps, are tensors of its shape.
    """
    wanted, led = set(ends), list[Called]()
    for call in reversed(calls):
        whole = call.operation.shape == tuple(start.shape)
        if id(call.result) in wanted and call.result is not start and (through_maps or not whole):
            wanted |= call.given
            led.append(call)
    return led[::-1]


def tensors_of(args: Sequence[Any]) -> list[Tensor]:
    """The tensors among the arguments of a call."""
    return [argument for argument in args if isinstance(argument, Tensor)]
