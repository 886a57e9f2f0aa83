"""Handlers of attention: the fused kernels, and a softmax whose result goes into a product."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import flex_attention

from fovea.models.kinds.attention import edit
from fovea.models.kinds.attention.kernels import (
    FUNCTIONS,
    Adapter,
    called,
    flex,
    looks_like_attention,
    name_of,
    named_arguments,
    scaled_dot_product,
)
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
from fovea.models.tracing.compiled import EAGERLY, run_compiled
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.products import Operands, product_of
from fovea.models.tracing.recording import Recording, Watch
from fovea.models.tracing.tensors import four_axes, is_wrapped, kept
from fovea.models.tracing.torch_paths import inside

WEIGHTS = Origin("weights", size=-1)


def on_kernel(adapter: Adapter) -> Callable[..., Any]:
    """The handler of a kernel that computes a whole attention."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        result = func(*args, **kwargs)
        _keep(watch.recording, adapter(*args, **kwargs), result)
        return result

    return handler


def on_operator(adapter: Adapter, op: Any) -> Callable[..., Any]:
    """The same for an operator of the dispatcher, whose arguments are named by its schema."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        result = func(*args, **kwargs)
        named = named_arguments(op, args, kwargs)
        _keep(watch.recording, called(adapter, args, kwargs, named), result)
        return result

    return handler


def on_flex(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """FlexAttention, run as it runs unwatched: compiled by itself, or written out."""
    recording = watch.recording
    if recording.edits is not None:
        return _edited_flex(recording, func, args, kwargs)
    ran = run_compiled(flex_attention.__code__)
    if ran is None:
        result = func(*args, **kwargs)
        _keep(recording, flex(*args, **kwargs), result)
        return result
    result, options = ran
    if options.get("return_lse") or options.get("return_aux"):
        # Its logarithm of sums was given another base on the way out: that is made again here.
        out = result[0]
        _, *rest = func(*args, **kwargs)
        recording.miss("part", "flex_attention", f"its sums: {EAGERLY}")
    else:
        out = result
        rest = [out.new_empty(0), out.new_empty(0)]
    _keep(recording, flex(*args, **kwargs), out)
    return (out, *rest)


def _edited_flex(recording: Recording, func: Any, args: Any, kwargs: Any) -> Any:
    """FlexAttention with its edits: written out, and where they change it by torch's own kernel."""
    out, *rest = func(*args, **kwargs)
    held = flex(*args, **kwargs)
    change = recording.change("attention")
    if change is None:
        _record(recording, held, out)
        return (out, *rest)
    share = args[0].shape[1] // args[2].shape[1]
    value = args[2].repeat_interleave(share, dim=1) if share > 1 else args[2]
    assert held.query is not None
    assert held.key is not None
    mask = held.mask
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.to(held.query.dtype)
    call = edit.Fused(held.query, held.key, value, mask, False, held.scale, 0.0)
    result, attended, call = edit.fused(
        call, change, partial(_by_kernel, F.scaled_dot_product_attention), recording.note_edit
    )
    record = edit.record_of(call, values=recording.gradients)
    recording.add("attention", record, differentiable=attended, arrange=four_axes)
    return (result, *rest)


def on_unknown_operator(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """An operator of some library: named, where it looks like attention."""
    result = func(*args, **kwargs)
    if looks_like_attention((*args, *kwargs.values()), result):
        name = name_of(func.func)
        watch.recording.miss(
            "attention",
            name,
            "an operator that is not known takes queries, keys and values: tell it by "
            f'capture(model, kernels={{"{name}": lambda q, k, v: Attention(q, k)}})',
        )
    return result


class _As:
    """An operator of ATen, called where the function of its name would be."""

    def __init__(self, running: Any, func: Any) -> None:
        self._running, self.func = running, func
        self.__name__ = name_of(running.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._running(*args, **kwargs)


def as_function(handler: Callable[..., Any], function: Any) -> Callable[..., Any]:
    """The handler of a torch function, for the operator of ATen behind it."""

    def of_operator(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        return handler(watch, _As(func, function), args, kwargs)

    return of_operator


def _keep(recording: Recording, attention: Attention, result: Any) -> None:
    """A site of what an adapter told, with its tensors copied where they are parts of others."""
    if not isinstance(attention, Attention):
        raise TypeError(f"an adapter returns an Attention, not a {type(attention).__name__}")
    if recording.change("attention") is not None:
        recording.note_edit("This attention is a kernel that cannot be edited: it ran as it is.")
    _record(recording, attention, result)


def _record(recording: Recording, attention: Attention, result: Any) -> None:
    parts: dict[str, Any] = {
        name: four_axes(kept(tensor))
        for name in ("query", "key", "mask", "value", "probabilities")
        if (tensor := getattr(attention, name)) is not None
    }
    if not recording.gradients:
        parts["value"] = None
    first = result[0] if isinstance(result, tuple | list) else result
    recording.add(
        "attention",
        replace(attention, **parts),
        # Of a kernel that projects what comes out, the gradient at A·V is not known.
        differentiable=first if parts.get("value") is not None else None,
        arrange=four_axes,
    )


def on_attention(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Torch's own fused kernel: keeps its query and key."""
    recording = watch.recording
    change = recording.change("attention")
    if change is not None:
        return _edited_kernel(recording, change, func, args, kwargs)
    if recording.matrices and (written := _written_out(recording, *args, **kwargs)) is not None:
        return written
    result = func(*args, **kwargs)
    attention = record_of_kernel(recording, *args, **kwargs)
    recording.add("attention", attention, differentiable=result, arrange=four_axes)
    return result


def _written_out(
    recording: Recording,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor | None:
    """What the kernel computes, with a site that keeps its matrix; None where it does more than
    softmax(QKᵀ·scale)·V.
    """
    masked = attn_mask is not None or is_causal or dropout_p > 0
    if masked or enable_gqa or query.ndim != 4 or query.is_nested or is_wrapped(query):
        return None
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    matrix = ((query * scale) @ key.transpose(-1, -2)).softmax(-1)
    record = Attention(probabilities=matrix.detach())
    recording.add("attention", record, differentiable=matrix)
    return matrix @ value


def record_of_kernel(
    recording: Recording, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
) -> Attention:
    """The record of torch's kernel; of the values only where gradients are asked for."""
    values = value if recording.gradients else None
    return scaled_dot_product(query, key, values, *args, **kwargs)


def on_nested(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers how many tokens a padded tensor had before it was made a nested one."""
    result = func(*args, **kwargs)
    watch.recording.origins.set(result, Origin("nested", size=args[0].shape[1]))
    return result


def on_encoder_layer(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """`nn.TransformerEncoderLayer` or the attention of `nn.MultiheadAttention` as one kernel."""
    origin = watch.recording.origins.get(args[0])
    result = func(*args, **kwargs)
    tokens = None
    if origin is not None and origin.produced_by == "nested":
        tokens = origin.size
        for one in result if isinstance(result, tuple) else (result,):
            watch.recording.origins.set(one, origin)
    adapter = FUNCTIONS[func.func]
    _keep(watch.recording, adapter(*args, **kwargs, tokens=tokens), result)
    return result


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> edit.Fused:
    """The call as a record that edits change; keys and values repeated for grouped queries."""
    if enable_gqa:
        share = query.shape[-3] // key.shape[-3]
        key, value = (one.repeat_interleave(share, dim=-3) for one in (key, value))
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return edit.Fused(query, key, value, attn_mask, is_causal, scale, dropout_p)


def _by_kernel(func: Any, call: edit.Fused) -> Tensor:
    result: Tensor = func(
        *(call.query, call.key, call.value),
        attn_mask=call.mask,
        dropout_p=call.dropout,
        is_causal=call.causal,
        scale=call.scale,
    )
    return result


def _edited_kernel(
    recording: Recording, change: edit.Change, func: Any, args: Any, kwargs: Any
) -> Tensor:
    result, attended, call = edit.fused(
        _fused(*args, **kwargs), change, partial(_by_kernel, func), recording.note_edit
    )
    record = edit.record_of(call, values=recording.gradients)
    recording.add("attention", record, differentiable=attended, arrange=four_axes)
    return result


@contextmanager
def folded_heads_of(
    recording: Recording,
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    *_: Any,
    **__: Any,
) -> Iterator[None]:
    """While the body runs its heads may be folded into the batch axis; the parameters say how
    many.
    """
    recording.folded_heads = num_heads
    try:
        yield
    finally:
        recording.folded_heads = None


def on_multi_head_attention(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Runs the function's body under the mode, so that the attention inside is seen."""
    with folded_heads_of(watch.recording, *args, **kwargs), inside(), watch:
        return func(*args, **kwargs)


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
        replaced = [other if one is factor else one for one in args]
        if any(isinstance(one, list | tuple) for one in args):  # einsum's operands in one list
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
