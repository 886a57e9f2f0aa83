"""Recognises that a softmax weighs values: a product that sums over the normalised axis.

Two forms: a product that sums (`tracing/products.py` expresses each as an einsum), or an
elementwise product followed by a sum. torch's softmax is known by its axis; hand-written
normalisation is recognised by its values, which sum to 1 over the keys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fovea.models.tracing.origins import Origins
from fovea.models.tracing.products import Operands, pairs_of, product_of
from fovea.models.tracing.tensors import four_axes, plain

CHANGED = "The matrix that weighs the values: changed between its softmax and the product."
"""Of a matrix whose heads were mixed (talking heads), for example: its rows need not sum to 1."""

PART = "Some keys of its softmax carry no value here (a sink, or another part of the picture)."
"""For rows that sum to less than 1."""

SUMS = (torch.sum, Tensor.sum)


@dataclass(frozen=True, slots=True)
class Weighing:
    """Values weighed by a softmax, with the axes of both.

    lead: the axes of `factor` that are windows or heads; query: several if queries form a grid,
    none if there is a single one; key: the summed axes; spread: axes of size 1 that broadcast over
    features. values_lead, values_key: the same axes in `values`, None if absent. part: some keys of
    the softmax are missing.
    """

    factor: Tensor
    lead: tuple[int, ...]
    query: tuple[int, ...]
    key: tuple[int, ...]
    values: Tensor
    values_lead: tuple[int | None, ...]
    values_key: tuple[int, ...]
    spread: tuple[int, ...] = ()
    changed: bool = False
    part: bool = False

    def arranged(self, tensor: Tensor, folded_heads: int | None = None) -> Tensor:
        """A tensor of the factor's shape as (batch, head, query, key)."""
        sizes = [tensor.shape[axis] for axis in self.lead]
        queries = math.prod(tensor.shape[axis] for axis in self.query)
        keys = math.prod(tensor.shape[axis] for axis in self.key)
        order = (*self.lead, *self.query, *self.key, *self.spread)
        tensor = tensor.permute(order).reshape(*sizes, queries, keys)
        if folded_heads is not None:
            tensor = tensor.unflatten(0, (-1, folded_heads))
        return four_axes(tensor)

    def arranged_values(self, folded_heads: int | None = None) -> Tensor | None:
        """A copy of the values as (batch, head, key, head_dim); None where they lack an axis."""
        lead = [axis for axis in self.values_lead if axis is not None]
        known = (*lead, *self.values_key)
        rest = [i for i in range(self.values.ndim) if i not in known]
        if len(lead) < len(self.values_lead) or not rest:
            return None
        sizes = [self.values.shape[axis] for axis in lead]
        keys = math.prod(self.values.shape[axis] for axis in self.values_key)
        values = self.values.detach().permute(*known, *rest)
        values = values.reshape(*sizes, keys, -1).clone()
        if folded_heads is not None:
            values = values.unflatten(0, (-1, folded_heads))
        return four_axes(values)


def is_distribution(tensor: Tensor, axes: Sequence[int]) -> bool:
    """Whether no entry is negative and sums over the axes are 1, or 0 for fully masked rows."""
    values = plain(tensor)
    coarse = values.dtype in (torch.float16, torch.bfloat16)
    sums = values.detach().double().sum(tuple(axis - tensor.ndim for axis in axes))
    near = (sums - 1).abs() < (2e-2 if coarse else 1e-3)
    return bool(plain((values >= 0).all() & (near | (sums == 0)).all() & near.any()))


def _weighs(origins: Origins, factor: Tensor, summed: Sequence[int]) -> bool:
    """Whether a factor is a distribution over several keys."""
    origins.judged += 1
    return math.prod(factor.shape[i] for i in summed) > 1 and is_distribution(factor, summed)


def _of_product(origins: Origins, operands: Operands) -> Weighing | None:
    """Axis letters give the roles: keys are summed over, queries belong to the weights alone."""
    for (own, output, factor), (other, _, values) in pairs_of(operands):
        origin = origins.get(factor)
        if origin is None or origin.produced_by != "softmax" or origin.axis(factor) is None:
            origin = origins.weights_of(factor)
        if origin is None:
            continue
        summed = [i for i, one in enumerate(own) if one in other and one not in output]
        if not summed:
            continue
        axis = origin.axis(factor) if origin.produced_by == "softmax" else None
        # What is normalised along one axis may be divided by its sum along another (slot
        # attention).
        by_hand = axis is None or origin.changed
        if axis in summed:
            summed = [axis]  # other summed axes are windows or heads
        elif not by_hand or not _weighs(origins, factor, summed):
            continue
        keys = math.prod(factor.shape[i] for i in summed)
        # Capitals are axes in front of the product's own: windows and heads.
        alone = [i for i, one in enumerate(own) if one in output and one not in other]
        queries = [i for i in alone if own[i].islower()]
        if len(queries) > 1 and factor.shape[queries[-1]] == keys:
            queries = queries[-1:]  # axes before it are heads that share their values
        lead = tuple(i for i in range(factor.ndim) if i not in (*queries, *summed))
        return Weighing(
            factor,
            lead,
            query=tuple(queries),
            key=tuple(summed),
            values=values,
            values_lead=tuple(other.index(own[i]) if own[i] in other else None for i in lead),
            values_key=tuple(other.index(own[i]) for i in summed),
            changed=origin.changed,
            part=origin.part,
        )
    return None


def unweighed(
    origins: Origins, operands: Operands, is_learned: Callable[[Tensor], bool]
) -> str | None:
    """Why a product with a factor derived from scores is not attention; None if it does not look
    like it.

    The factor sums over its keys into a third tensor, as attention does, but its rows are not a
    distribution. A learned operand mixes heads and is not a value.
    """
    for (own, output, factor), (other, _, values) in pairs_of(operands):
        if origins.weights_of(factor) is None or is_learned(values):
            continue
        summed = [i for i, one in enumerate(own) if one in other and one not in output]
        if not summed or min(factor.shape[-1], max(factor.shape)) < 4 or factor.ndim < 2:
            continue
        if math.prod(factor.shape[i] for i in summed) < 2:
            continue
        sums = plain(factor).detach().double().sum(tuple(i - factor.ndim for i in summed))
        sums = plain(sums)
        return (
            f"it weighs {math.prod(factor.shape[i] for i in summed)} values with numbers that are "
            f"no distribution: their sums are {sums.min():.3g} to {sums.max():.3g}, not 1"
        )
    return None


def unweighed_sum(origins: Origins, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """The same for a sum over individually weighted values: Σ exp(z) v, divided later."""
    origin = origins.weights_of(args[0]) if args else None
    if origin is None or origin.factor is None:
        return None
    key, factor = _summed_axis(*args, **kwargs), origin.factor
    if key is None or factor.ndim != args[0].ndim or factor.shape[key] < 4:
        return None
    if factor.shape == args[0].shape and (factor.ndim < 3 or key == factor.ndim - 1):
        return None  # changed scores, summed to normalise them
    return f"it sums {factor.shape[key]} values weighed with numbers that are no distribution"


def _summed_axis(input: Tensor, dim: Any = None, *_: Any, **__: Any) -> int | None:
    """The only axis that a sum is over, or None."""
    if isinstance(dim, list | tuple) and len(dim) == 1:
        (dim,) = dim
    return dim % input.ndim if isinstance(dim, int) else None


def _of_sum(origins: Origins, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Weighing | None:
    origin = origins.get(args[0]) if args else None
    if args and (origin is None or origin.factor is None):
        origin = origins.weights_of(args[0])
    if origin is None or origin.factor is None:
        return None
    values, factor, key = args[0], origin.factor, _summed_axis(*args, **kwargs)
    if key is None or factor.ndim != values.ndim or factor.shape[key] < 2:
        return None
    if factor.shape == values.shape and (factor.ndim < 3 or key == factor.ndim - 1):
        return None  # changed weights or an entropy, not weighted values
    if origin.size != key and (origin.size >= 0 or not _weighs(origins, factor, (key,))):
        return None
    spread = tuple(i for i in range(factor.ndim) if factor.shape[i] < values.shape[i])
    rest = [i for i in range(factor.ndim) if i != key and i not in spread]
    # The last remaining axis is the query, unless only the batch remains.
    lead = tuple(rest[:-1]) if len(rest) > 1 else tuple(rest)
    query = tuple(rest[-1:]) if len(rest) > 1 else ()
    flags = {"changed": origin.changed, "part": origin.part}
    return Weighing(factor, lead, query, (key,), values, lead, (key,), spread, **flags)


def weighing_of(
    origins: Origins,
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> Weighing | None:
    """What this call weighs with a distribution over keys, or None."""
    if func in SUMS:
        return _of_sum(origins, args, kwargs)
    return _of_product(origins, product_of(func, args, kwargs))
