"""Handlers of attention: the fused kernels, and a softmax whose result goes into a product."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from fovea.models.kinds.attention import edit
from fovea.models.kinds.attention.weighing import CHANGED, Weighing, weighing_of
from fovea.models.kinds.following import keep_changed, keep_mixed
from fovea.models.records import Attention
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Recording, Watch
from fovea.models.tracing.tensors import four_axes, kept


def _scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    values: bool,
) -> Attention:
    """The record of one call; the parameters are those of the torch function.

    values: whether to keep the values too.
    """
    if attn_mask is not None and query.ndim > 4:  # photos and windows are to be one axis
        attn_mask = attn_mask.expand(*query.shape[:-1], key.shape[-2])
    query, key = four_axes(kept(query)), four_axes(kept(key))
    held = four_axes(kept(value)) if values else None
    if enable_gqa:
        share = query.shape[1] // key.shape[1]
        key = key.repeat_interleave(share, dim=1)
        held = None if held is None else held.repeat_interleave(share, dim=1)
    return Attention(
        query=query,
        key=key,
        value=held,
        mask=None if attn_mask is None else four_axes(kept(attn_mask)),
        scale=query.shape[-1] ** -0.5 if scale is None else scale,
        causal=is_causal,
    )


def on_attention(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A fused kernel: keeps its query and key."""
    recording = watch.recording
    change = recording.change("attention")
    if change is not None:
        return _edited_kernel(recording, change, func, args, kwargs)
    result = func(*args, **kwargs)
    attention = _scaled_dot_product_attention(*args, **kwargs, values=recording.gradients)
    recording.add("attention", attention, differentiable=result, arrange=four_axes)
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


def _edited_kernel(
    recording: Recording, change: edit.Change, func: Any, args: Any, kwargs: Any
) -> Tensor:
    def kernel(call: edit.Fused) -> Tensor:
        result: Tensor = func(
            *(call.query, call.key, call.value),
            attn_mask=call.mask,
            dropout_p=call.dropout,
            is_causal=call.causal,
            scale=call.scale,
        )
        return result

    result, attended, call = edit.fused(
        _fused(*args, **kwargs), change, kernel, recording.note_edit
    )
    record = edit.record_of(call, values=recording.gradients)
    recording.add("attention", record, differentiable=attended, arrange=four_axes)
    return result


# `multi_head_attention_forward` hands itself over to the mode as a whole. To see the attention
# inside, its body has to run under the mode again, without the line that would hand over once
# more: the same code, with globals in which that line's question is answered "no".
attention_body = types.FunctionType(
    F.multi_head_attention_forward.__code__,
    {**F.multi_head_attention_forward.__globals__, "has_torch_function": lambda _: False},
    "multi_head_attention_forward",
    F.multi_head_attention_forward.__defaults__,
)


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
    with folded_heads_of(watch.recording, *args, **kwargs), watch:
        return attention_body(*args, **kwargs)


def _softmax_axis(input: Tensor, dim: int | None = None, *_: Any, **__: Any) -> int:
    """The axis of a softmax call, with the parameters of the torch functions."""
    return input.ndim - 1 if dim is None else dim % input.ndim


def on_softmax(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers the result and the axis that was normalised."""
    result = func(*args, **kwargs)
    axis = _softmax_axis(*args, **kwargs)
    if result.ndim >= 2:
        origin = Origin("softmax", size=result.shape[axis], stride=result.stride(axis))
        watch.recording.origins.set(result, origin)
    return result


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
        weighs, shown = edit.weighed(weighing.factor, arranged, change, recording.note_edit)
        result, differentiable = again(weighs), shown
    attention = Attention(probabilities=weighing.arranged(kept(shown), heads))
    recording.add(
        "attention",
        attention,
        differentiable=differentiable,
        arrange=arranged,
        note=CHANGED if weighing.changed else None,
    )
    return result


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


def on_matmul(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if one factor is a softmax over what the product sums over."""
    result = func(*args, **kwargs)
    origins = watch.recording.origins
    weighing = weighing_of(origins, func, args, kwargs)
    if weighing is not None:
        return weigh(watch, weighing, _product(func, args, kwargs, weighing.factor), result)
    if args and (origin := origins.get(args[0])) is not None:
        # The left factor's last axis is summed: heads are mixed, where the keys are on another.
        keep_changed(watch, args[0], origin, result)
    return result


def on_einsum(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The same for a product that is written as an equation."""
    result = func(*args, **kwargs)
    weighing = weighing_of(watch.recording.origins, func, args, kwargs)
    if weighing is not None:
        return weigh(watch, weighing, _product(func, args, kwargs, weighing.factor), result)
    keep_mixed(watch, args, result)
    return result


def on_sum(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if what is summed are values that a softmax has weighed, over its keys."""
    result = func(*args, **kwargs)
    origins = watch.recording.origins
    weighing = weighing_of(origins, func, args, kwargs)
    if weighing is not None:
        return weigh(watch, weighing, _sum_again(func, args, kwargs, weighing), result)
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
