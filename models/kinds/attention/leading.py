"""The calls that led to an attention computed by the network itself: from q·k to the softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fovea.models.kinds.leading import tensors_of
from fovea.models.tracing.operations import Called


def leading(calls: Sequence[Called], args: Sequence[Any]) -> list[Called]:
    """From the product of queries and keys, inclusive, to the softmax's input."""
    return next(filter(None, (_scoring(calls, one) for one in tensors_of(args))), [])


def _scoring(calls: Sequence[Called], shares: Tensor) -> list[Called]:
    """The calls between the product of queries and keys (first) and the softmax; none if either is
    missing.
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
    # Going back from the softmax also reaches biases and masks, which do not derive from the
    # scores.
    line, led = set[int](), list[Called]()
    for call in reversed(back):
        if not led or call.given & line:
            line.add(id(call.result))
            led.append(call)
    return led
