"""Handlers of an attention that the network writes out: a softmax whose result goes into a product.

`fused.py` has the kernels that compute a whole attention.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fovea.models.kinds.attention import edit
from fovea.models.kinds.attention.weighing import (
    CHANGED,
    PART,
    Weighing,
    is_distribution,
    unweighed,
    unweighed_sum,
    weighing_of,
)
from fovea.models.kinds.following import keep_changed
from fovea.models.records import Attention
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.products import Operands, product_of
from fovea.models.tracing.recording import Recording, Watch
from fovea.models.tracing.tensors import four_axes, kept

WEIGHTS = Origin("weights", size=-1)


def _softmax_axis(input: Tensor, dim: int | None = None, *_: Any, **__: Any) -> int:
    """The axis of a softmax call, with the parameters of the torch functions."""
    return input.ndim - 1 if dim is None else dim % input.ndim


def on_softmax(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers the result and the axis that was normalised."""
    result = func(*args, **kwargs)
    axis = _softmax_axis(*args, **kwargs)
    if result.ndim >= 1:
        origin = Origin("softmax", size=result.shape[axis], stride=result.stride(axis))
        watch.recording.origins.set(result, origin)
        if watch.recording.edits is not None:
            watch.recording.softmaxed = args[0] if args else kwargs.get("input"), axis
    return result


def exponential(otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of what may become weights, once it is divided by its sum.

    otherwise: who looks at it besides.
    """

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        result = otherwise(watch, func, args, kwargs)
        given = args[0] if args else None
        if (
            isinstance(result, Tensor)
            and result.ndim >= 1
            and not watch.recording.constants.holds(given)
        ):
            watch.recording.origins.set(result, WEIGHTS)
        return result

    return handler


def plainly(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The call itself, at which nobody looks."""
    return func(*args, **kwargs)


def weigh(
    watch: Watch, weighing: Weighing, again: Callable[[Tensor], Tensor], result: Tensor
) -> Tensor:
    """A site whose matrix the network made itself; the product, of an edited matrix if it is.

    again: the product with another matrix in the place of the weighing one.
    """
    recording = watch.recording
    heads = recording.folded_heads
    arranged = partial(weighing.arranged, folded_heads=heads)
    shown, differentiable = weighing.factor, weighing.factor
    change = recording.change("attention")
    if change is not None:
        exact = _exactly(weighing.factor, *recording.softmaxed)
        weighs, shown = edit.weighed(weighing.factor, arranged, change, recording.note_edit, exact)
        result, differentiable = again(weighs), shown
    # Arranged first: under a transform of torch.func the axes are those that the network sees.
    attention = Attention(probabilities=four_axes(kept(arranged(shown))))
    recording.add(
        "attention",
        attention,
        differentiable=differentiable,
        arrange=arranged,
        note=PART if weighing.part else CHANGED if weighing.changed else None,
    )
    return result


def _exactly(factor: Tensor, scores: Tensor | None, axis: int) -> Tensor | None:
    """A factor of half precision once more in single, from its scores: shares below what half
    precision can hold are no masked ones. None if the scores are not its own.
    """
    if factor.dtype not in (torch.float16, torch.bfloat16):
        return None
    if not isinstance(scores, Tensor) or scores.shape != factor.shape:
        return None
    exact = scores.float().softmax(axis)
    return exact if torch.allclose(exact, factor.float(), atol=1e-2) else None


def _product(func: Any, args: Any, kwargs: Any, factor: Tensor) -> Callable[[Tensor], Tensor]:
    """The same call with another tensor in the place of `factor`."""

    def again(other: Tensor) -> Tensor:
        replaced = [other if argument is factor else argument for argument in args]
        if any(
            isinstance(argument, list | tuple) for argument in args
        ):  # einsum's operands in one list
            replaced = [
                [other if part is factor else part for part in one]
                if isinstance(one, list | tuple)
                else one
                for one in replaced
            ]
        result: Tensor = func(*replaced, **kwargs)
        return result

    return again


def on_product(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if one factor is a distribution over what the product sums over.

    The product of two that are no parameters may be the scores of queries and keys.
    """
    # Before the call: some write over a factor or over what they add to.
    recording = watch.recording
    operands = product_of(func.func, args, kwargs)
    weighing = weighing_of(recording.origins, func.func, args, kwargs)
    result = func(*args, **kwargs)
    if weighing is not None:
        return weigh(watch, weighing, _product(func, args, kwargs, weighing.factor), result)
    reason = unweighed(recording.origins, operands, recording.is_learned)
    if reason is None and len(operands) > 2 and _may_attend(recording, operands):
        reason = "it multiplies queries, keys and values in one, without normalising anything"
    if reason is not None:
        recording.miss("attention", func.func, reason)
        return result
    for index, (own, output, factor) in enumerate(operands if len(operands) == 2 else ()):
        origin = recording.origins.get(factor)
        axis = origin.axis(factor) if origin is not None else None
        if origin is None or axis is None or origin.produced_by != "softmax":
            continue
        # Heads are mixed, where the keys are on another axis.
        if own[axis] in output and own[axis] not in operands[1 - index][0]:
            kept_axis = output.index(own[axis])
            recording.origins.set(result, origin.along(result, kept_axis, changed=True))
            return result
    if _may_be_scores(recording, operands):
        recording.origins.set(result, WEIGHTS)
    return result


def _may_be_scores(recording: Recording, operands: Operands) -> bool:
    """Whether two tensors that the photo has a part in are multiplied, with rows of both left."""
    if len(operands) != 2:
        return False
    (own, output, one), (other, _, more) = operands
    rows, columns = set(own) - set(other), set(other) - set(own)
    if not (rows & set(output) and columns & set(output)) or min(one.ndim, more.ndim) < 2:
        return False
    return not recording.is_learned(one) and not recording.is_learned(more)


def _may_attend(recording: Recording, operands: Operands) -> bool:
    """Whether three tensors that the photo has a part in are multiplied and summed over twice."""
    mine = [own for own, _, one in operands if not recording.is_learned(one)]
    output = operands[0][1]
    sizes = {
        letter: size
        for own, _, one in operands
        for letter, size in zip(own, one.shape, strict=True)
    }
    summed = [letter for letter in set("".join(mine)) - set(output) if sizes[letter] >= 4]
    return len(mine) > 2 and sum(sum(one in own for own in mine) > 1 for one in summed) > 1


def note_memory(watch: Watch, given: Any) -> None:
    """Names attention to vectors that are learnt: a layer whose input is a distribution over
    them.
    """
    recording = watch.recording
    origin = recording.origins.get(given)
    if origin is None or origin.produced_by != "softmax" or given.ndim < 3:
        return
    last, axis = given.ndim - 1, origin.axis(given)
    if axis == last or (origin.changed and is_distribution(given, (last,))):
        reason = f"it looks at {given.shape[-1]} vectors that are learnt, which have no places"
        recording.miss("attention", "linear", reason)


on_einsum = on_product


def on_sum(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if what is summed are values that were weighed, over their keys."""
    result = func(*args, **kwargs)
    origins = watch.recording.origins
    weighing = weighing_of(origins, func.func, args, kwargs)
    if weighing is not None:
        return weigh(watch, weighing, _sum_again(func, args, kwargs, weighing), result)
    reason = unweighed_sum(origins, args, kwargs)
    if reason is not None:
        watch.recording.miss("attention", func.func, reason)
    if args and (origin := origins.get(args[0])) is not None:
        keep_changed(watch, args[0], origin, result)
    return result


def _sum_again(func: Any, args: Any, kwargs: Any, weighing: Weighing) -> Callable[[Tensor], Tensor]:
    """What was weighed was multiplied before: the factor goes out of it and another one in."""

    def again(other: Tensor) -> Tensor:
        weighed = weighing.values * (other / weighing.factor.clamp(min=edit.TINY))
        result: Tensor = func(weighed, *args[1:], **kwargs)
        return result

    return again
