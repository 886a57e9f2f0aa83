"""Handlers of fused attention kernels: functions of torch, operators and FlexAttention."""

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
from fovea.models.records import Attention
from fovea.models.tracing.compiled import EAGERLY, run_compiled
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Recording, Watch
from fovea.models.tracing.tensors import four_axes, is_wrapped, kept
from fovea.models.tracing.torch_paths import inside


def on_operator(adapter: Adapter, op: Any) -> Callable[..., Any]:
    """The handler of an operator that computes a whole attention, with arguments by schema name."""

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
    """FlexAttention with edits: written out, and by torch's own kernel where they change it."""
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


def _keep(recording: Recording, attention: Attention, result: Any, part: str = "") -> None:
    """A site of what an adapter told, with its tensors copied where they are parts of others."""
    if not isinstance(attention, Attention):
        raise TypeError(f"an adapter returns an Attention, not a {type(attention).__name__}")
    if recording.change("attention") is not None:
        recording.note_edit("This attention is a kernel that cannot be edited: it ran as it is.")
    _record(recording, attention, result, part)


def _record(recording: Recording, attention: Attention, result: Any, part: str = "") -> None:
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
        part=part,
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
    _keep(watch.recording, adapter(*args, **kwargs, tokens=tokens), result, part="self_attn")
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
