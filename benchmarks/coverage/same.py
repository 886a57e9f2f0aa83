"""Whether a network does bit for bit the same when somebody watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.capture import capture


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in what a network returns, objects' attributes included."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_of(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_of(part)
    elif hasattr(value, "__dict__"):
        yield from tensors_of(vars(value))


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are alike in every bit; NaN is like NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.is_nested:
        return all(map(same_bits, one.unbind(), other.unbind()))
    if not (one.is_floating_point() or one.is_complex()):
        return torch.equal(one, other)
    return torch.equal(torch.isnan(one), torch.isnan(other)) and torch.equal(
        one.nan_to_num(), other.nan_to_num()
    )


def _alike(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(same_bits, one, other))


def _pass(module: nn.Module, inputs: Mapping[str, Any]) -> dict[str, list[Tensor]]:
    """What one pass returned, and in which state it left the network and the random numbers."""
    with torch.no_grad():
        returned = [one.clone() for one in tensors_of(module(**inputs))]
    buffers = [buffer.clone() for buffer in module.buffers()]
    return {"output": returned, "buffers": buffers, "random numbers": [torch.get_rng_state()]}


def changed_by_watching(module: nn.Module, inputs: Mapping[str, Any]) -> list[str]:
    """What was not as in an unwatched pass from the same state: "output", "buffers", "random
    numbers"; and "itself" before them where two unwatched passes differ too.
    """
    with torch.no_grad():
        module(**inputs)  # some make tables for the size of their input in the first pass
    random = torch.get_rng_state()
    buffers = [buffer.clone() for buffer in module.buffers()]

    def again() -> None:
        torch.set_rng_state(random)
        for buffer, then in zip(module.buffers(), buffers, strict=True):
            buffer.copy_(then)

    plain = _pass(module, inputs)
    again()
    with capture(module):
        watched = _pass(module, inputs)
    changed = [name for name, values in plain.items() if not _alike(values, watched[name])]
    if changed:
        again()
        repeated = _pass(module, inputs)
        if not all(_alike(values, repeated[name]) for name, values in plain.items()):
            changed.insert(0, "itself")
    again()
    return changed
