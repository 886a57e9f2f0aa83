"""Recognising that a softmax weighs values: a product that sums over what it normalised.

Three ways to write it: `matmul`, `einsum`, and a product entry by entry that is then summed. Which
axis is which is all that there is to find out; nothing here touches a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fovea.models.tracing.equations import operands_of
from fovea.models.tracing.origins import Origin, Origins
from fovea.models.tracing.tensors import four_axes

CHANGED = "The matrix that weighs the values: changed between its softmax and the product."
"""Of a matrix whose heads were mixed (talking heads), say: its rows need not sum to 1."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """Values weighed by a softmax, with the axes of both.

    lead: the axes of `factor` that are windows or heads; query: None where there is only one; key:
    the normalised one; spread: those of size 1 that the values fill with features. values_lead,
    values_key: the same axes in `values`, None where they lack it.
    """

    factor: Tensor
    lead: tuple[int, ...]
    query: int | None
    key: int
    values: Tensor
    values_lead: tuple[int | None, ...]
    values_key: int
    spread: tuple[int, ...] = ()
    changed: bool = False

    def arranged(self, tensor: Tensor, folded_heads: int | None = None) -> Tensor:
        """A tensor of the factor's shape as (batch, head, query, key)."""
        if self.query is None:
            tensor = tensor.permute(*self.lead, self.key, *self.spread).flatten(len(self.lead))
            tensor = tensor.unsqueeze(-2)
        else:
            order = (*self.lead, self.query, self.key, *self.spread)
            tensor = tensor.permute(order).flatten(len(self.lead) + 1)
        if folded_heads is not None:
            tensor = tensor.unflatten(0, (-1, folded_heads))
        return four_axes(tensor)

    def arranged_values(self, folded_heads: int | None = None) -> Tensor | None:
        """A copy of the values as (batch, head, key, head_dim); None where they lack an axis."""
        lead = [axis for axis in self.values_lead if axis is not None]
        rest = [i for i in range(self.values.ndim) if i != self.values_key and i not in lead]
        if len(lead) < len(self.values_lead) or not rest:
            return None
        values = self.values.detach().permute(*lead, self.values_key, *rest)
        values = values.flatten(len(lead) + 1).clone()
        if folded_heads is not None:
            values = values.unflatten(0, (-1, folded_heads))
        return four_axes(values)


def _softmax(origins: Origins, tensor: Any) -> tuple[Origin, int] | None:
    """(origin, the normalised axis) of a softmax that still has it."""
    origin = origins.get(tensor)
    if origin is None or origin.produced_by != "softmax" or tensor.ndim < 2:
        return None
    axis = origin.axis(tensor)
    return None if axis is None else (origin, axis)


def _of_matmul(origins: Origins, args: Sequence[Any]) -> Weighing | None:
    if len(args) != 2:
        return None
    for factor, values, summed in ((args[0], args[1], -1), (args[1], args[0], -2)):
        found = _softmax(origins, factor)
        if found is None or found[1] != factor.ndim + summed or values.ndim < 2:
            continue
        lead = tuple(range(factor.ndim - 2))
        shift = values.ndim - factor.ndim
        return Weighing(
            factor,
            lead,
            query=factor.ndim - 3 - summed,
            key=factor.ndim + summed,
            values=values,
            values_lead=tuple(axis + shift if axis + shift >= 0 else None for axis in lead),
            values_key=values.ndim - 3 - summed,
            changed=found[0].changed,
        )
    return None


def _of_einsum(origins: Origins, args: Sequence[Any]) -> Weighing | None:
    operands = operands_of(args)
    if len(operands) != 2:
        return None
    for (own, output, factor), (other, _, values) in (operands, operands[::-1]):
        found = _softmax(origins, factor)
        if found is None or own[found[1]] in output or own[found[1]] not in other:
            continue
        key = found[1]
        queries = [i for i, one in enumerate(own) if one in output and one not in other]
        if len(queries) != 1:
            continue
        lead = tuple(i for i in range(factor.ndim) if i not in (queries[0], key))
        return Weighing(
            factor,
            lead,
            query=queries[0],
            key=key,
            values=values,
            values_lead=tuple(other.index(own[i]) if own[i] in other else None for i in lead),
            values_key=other.index(own[key]),
            changed=found[0].changed,
        )
    return None


def _summed_axis(input: Tensor, dim: Any = None, *_: Any, **__: Any) -> int | None:
    """The only axis that a sum is over, or None."""
    if isinstance(dim, list | tuple) and len(dim) == 1:
        (dim,) = dim
    return dim % input.ndim if isinstance(dim, int) else None


def _of_sum(origins: Origins, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Weighing | None:
    origin = origins.get(args[0]) if args else None
    if origin is None or origin.factor is None or origin.size != _summed_axis(*args, **kwargs):
        return None
    values, factor, key = args[0], origin.factor, origin.size
    spread = tuple(i for i in range(factor.ndim) if factor.shape[i] < values.shape[i])
    rest = [i for i in range(factor.ndim) if i != key and i not in spread]
    # The last of the others is the query, unless there is only the batch.
    lead = tuple(rest[:-1]) if len(rest) > 1 else tuple(rest)
    query = rest[-1] if len(rest) > 1 else None
    return Weighing(factor, lead, query, key, values, lead, key, spread, origin.changed)


def weighing_of(
    origins: Origins,
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Weighing | None:
    """What this call of a torch function weighs with a softmax, if it does."""
    if func is torch.einsum:
        return _of_einsum(origins, args)
    if func in (torch.sum, Tensor.sum):
        return _of_sum(origins, args, kwargs)
    return _of_matmul(origins, args)
