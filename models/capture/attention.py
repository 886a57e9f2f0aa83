"""Handlers of attention: the fused kernels, and a softmax whose result goes into a product."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor

from models.capture.following import keep_changed
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


CHANGED = "The matrix that weighs the values: changed between its softmax and the product."
"""Of a matrix whose heads were mixed (talking heads), say: its rows need not sum to 1."""


def add_matrix(watch: _Watch, factor: Tensor, arrange: Arrange, note: str | None) -> None:
    """A site whose matrix the network made itself; arrange: to (batch, head, query, key)."""
    watch.recording.add(
        "attention",
        Attention(probabilities=arrange(kept(factor))),
        differentiable=factor,
        arrange=arrange,
        note=note,
    )


def _attention_matrix(
    watch: _Watch, left: Tensor, right: Tensor
) -> tuple[Tensor, Arrange, Origin] | None:
    """(factor, arrange, origin) if a factor is a softmax over the axis that the product sums over.

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

        return factor, arrange, origin
    return None


def on_matmul(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if one factor is a softmax over what the product sums over."""
    result = func(*args, **kwargs)
    if len(args) != 2:
        return result
    found = _attention_matrix(watch, *args)
    if found is not None:
        factor, arrange, origin = found
        add_matrix(watch, factor, arrange, CHANGED if origin.changed else None)
    else:  # the left factor's last axis is summed: mixed heads, where the keys are on another
        origin_left = watch.recording.origins.get(args[0])
        if origin_left is not None and isinstance(args[0], Tensor):
            keep_changed(watch, args[0], origin_left, result)
    return result


def _letters(equation: str, operands: tuple[Tensor, ...]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; what "..." stands for in capitals."""
    terms, _, output = equation.replace(" ", "").partition("->")
    letters = terms.split(",")
    spelled = []
    for term, operand in zip(letters, operands, strict=True):
        rest = "ZYXWVUTS"[: operand.ndim - len(term.replace("...", ""))][::-1]
        spelled.append(term.replace("...", rest))
    longest = max((one for one in spelled), key=lambda one: sum(map(str.isupper, one)))
    return spelled, output.replace("...", "".join(filter(str.isupper, longest)))


def _einsum_matrix(
    watch: _Watch, equation: str, operands: tuple[Tensor, Tensor]
) -> tuple[Tensor, Arrange, Origin] | None:
    """As `_attention_matrix`, for a product written "bhij,bhjd->bhid" or in other letters."""
    letters, output = _letters(equation, operands)
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

        return factor, arrange, origin
    return None


def on_einsum(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The same for a product that is written as an equation."""
    result = func(*args, **kwargs)
    if len(args) == 3 and isinstance(args[0], str):
        found = _einsum_matrix(watch, args[0], args[1:])
        if found is not None:
            factor, arrange, origin = found
            add_matrix(watch, factor, arrange, CHANGED if origin.changed else None)
        else:
            _keep_mixed(watch, args[0], args[1:], result)
    return result


def _keep_mixed(
    watch: _Watch, equation: str, operands: tuple[Tensor, Tensor], result: Tensor
) -> None:
    """The origin of a softmax whose heads an equation mixed, its keys being in the result."""
    letters, output = _letters(equation, operands)
    for own, factor in zip(letters, operands, strict=True):
        origin = watch.recording.origins.get(factor)
        axis = None if origin is None else origin.axis(factor)
        if origin is None or axis is None or origin.produced_by != "softmax":
            continue
        if own[axis] in output and len(output) == result.ndim:
            mixed = origin.along(result, output.index(own[axis]), changed=True)
            watch.recording.origins.set(result, mixed)


def _summed_axis(input: Tensor, dim: Any = None, *_: Any, **__: Any) -> int | None:
    """The only axis that a sum is over, or None."""
    if isinstance(dim, list | tuple) and len(dim) == 1:
        (dim,) = dim
    return dim % input.ndim if isinstance(dim, int) else None


def on_sum(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if what is summed are values that a softmax has weighed, over its keys.

    The axes that the softmax was spread over are features; the last other one is the query.
    """
    result = func(*args, **kwargs)
    origin = watch.recording.origins.get(args[0]) if args else None
    if origin is None:
        return result
    weighed: Tensor = args[0]
    if origin.produced_by == "softmax":
        keep_changed(watch, weighed, origin, result)
    elif origin.factor is not None and origin.size == _summed_axis(*args, **kwargs):
        factor, key = origin.factor, origin.size
        # What the factor was broadcast over.
        spread = [i for i in range(factor.ndim) if factor.shape[i] < weighed.shape[i]]
        rest = [i for i in range(factor.ndim) if i != key and i not in spread]

        def arrange(tensor: Tensor) -> Tensor:
            tensor = tensor.permute(*rest, key, *spread).flatten(len(rest))
            return four_axes(tensor[:, None] if len(rest) == 1 else tensor)

        add_matrix(watch, factor, arrange, CHANGED if origin.changed else None)
    return result
