"""What led to an attention that the network made itself: from q·k to the softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fovea.models.kinds.leading import tensors_of
from fovea.models.tracing.operations import Called


def leading(calls: Sequence[Called], args: Sequence[Any]) -> list[Called]:
    """From the product of queries and keys, which comes first, to what the softmax was given."""
    return next(filter(None, (_scoring(calls, one) for one in tensors_of(args))), [])


def _scoring(calls: Sequence[Called], shares: Tensor) -> list[Called]:
    """The calls between the scores that became these shares and their softmax, the product first;
    none where there are not both.
    """
    wanted, back, normalised = {id(shares)}, list[Called](), False
    for call in reversed(calls):
        if id(call.result) not in wanted:
            continue
        wanted |= call.given
        if normalised:
            back.append(call)
        if normalised and call.factors:
            break
        normalised |= call.operation.name == "softmax"
    else:
        return []
    # Back from the softmax also came a bias or a mask; they are none of what became of scores.
    line, led = set[int](), list[Called]()
    for call in reversed(back):
        if not led or call.given & line:
            line.add(id(call.result))
            led.append(call)
    return led
