"""Handlers of attention: the fused kernels, and a softmax whose result goes into a product."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor

from models.capture.origins import Origin
from models.capture.tensors import four_axes, kept
from models.records import Attention

if TYPE_CHECKING:
    from models.capture.recorder import Recording, _Watch

Arrange = Callable[[Tensor], Tensor]


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


def on_attention(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A fused kernel: keeps its query and key."""
    result = func(*args, **kwargs)
    recording = watch.recording
    attention = _scaled_dot_product_attention(*args, **kwargs, values=recording.gradients)
    recording.add("attention", attention, differentiable=result, arrange=four_axes)
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


def on_multi_head_attention(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Runs the function's body under the mode, so that the attention inside is seen."""
    with folded_heads_of(watch.recording, *args, **kwargs), watch:
        return attention_body(*args, **kwargs)


def _softmax_axis(input: Tensor, dim: int | None = None, *_: Any, **__: Any) -> int:
    """The axis of a softmax call, with the parameters of the torch functions."""
    return input.ndim - 1 if dim is None else dim % input.ndim


def on_softmax(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers the result and the axis that was normalised."""
    result = func(*args, **kwargs)
    axis = _softmax_axis(*args, **kwargs)
    if result.ndim >= 2:
        origin = Origin("softmax", size=result.shape[axis], stride=result.stride(axis))
        watch.recording.origins.set(result, origin)
    return result


def _attention_matrix(watch: _Watch, left: Tensor, right: Tensor) -> tuple[Tensor, Arrange] | None:
    """(factor, arrange) if a factor is a softmax over the axis that the product sums over.

    arrange: turns a tensor of the factor's shape into (batch, head, query, key).
    """
    heads = watch.recording.folded_heads
    for factor, summed in ((left, -1), (right, -2)):
        origin = watch.recording.origins.get(factor)
        if origin is None or origin.produced_by != "softmax" or factor.ndim < 2:
            continue
        if origin.axis(factor) != factor.ndim + summed:
            continue

        def arrange(tensor: Tensor, transposed: bool = factor is right) -> Tensor:
            tensor = tensor.transpose(-1, -2) if transposed else tensor
            return four_axes(tensor if heads is None else tensor.unflatten(0, (-1, heads)))

        return factor, arrange
    return None


def on_matmul(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if one factor is a softmax over what the product sums over."""
    result = func(*args, **kwargs)
    if watch.recording.origins and len(args) == 2:
        found = _attention_matrix(watch, *args)
        if found is not None:
            factor, arrange = found
            attention = Attention(probabilities=arrange(kept(factor)))
            watch.recording.add("attention", attention, differentiable=factor, arrange=arrange)
    return result


def _einsum_matrix(
    watch: _Watch, equation: str, operands: tuple[Tensor, Tensor]
) -> tuple[Tensor, Arrange] | None:
    """As `_attention_matrix`, for a product written "bhij,bhjd->bhid" or in other letters."""
    terms, _, output = equation.replace(" ", "").partition("->")
    letters = terms.split(",")
    for index, factor in enumerate(operands):
        origin = watch.recording.origins.get(factor)
        if origin is None or origin.produced_by != "softmax" or len(letters[index]) != factor.ndim:
            continue
        own, other = letters[index], letters[1 - index]
        axis = origin.axis(factor)
        if axis is None or own[axis] in output or own[axis] not in other:
            continue
        queries = [i for i, letter in enumerate(own) if letter in output and letter not in other]
        if len(queries) != 1:
            continue
        batch = [i for i in range(factor.ndim) if i not in (queries[0], axis)]

        def arrange(tensor: Tensor, order: tuple[int, ...] = (*batch, queries[0], axis)) -> Tensor:
            return four_axes(tensor.permute(order))

        return factor, arrange
    return None


def on_einsum(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The same for a product that is written as an equation."""
    result = func(*args, **kwargs)
    if watch.recording.origins and len(args) == 3 and isinstance(args[0], str):
        found = _einsum_matrix(watch, args[0], args[1:])
        if found is not None:
            factor, arrange = found
            attention = Attention(probabilities=arrange(kept(factor)))
            watch.recording.add("attention", attention, differentiable=factor, arrange=arrange)
    return result
