"""Kernels that compute a whole attention: adapters from their arguments to a record.

One row for each operator. An adapter takes the arguments of a call and returns the `Attention` that
it computed; the kernel itself has already run. Functions are keys themselves; operators of the
dispatcher (`torch.ops`) go by name, so that libraries imported later are found too. Users add rows
with `capture(model, kernels={"mylib::attention": adapter})`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.records import Attention
from fovea.models.tracing.tensors import four_axes, kept, plain

Adapter = Callable[..., Attention]
Kernels = Mapping[Any, Adapter]
"""By operator (`torch.ops.mylib.attention`, one of its overloads, or the result of
`torch.library.custom_op`) or by name, "mylib::attention".
"""


def _grouped(tensor: Tensor, heads: int) -> Tensor:
    """(batch, head, token, head_dim) with keys repeated for grouped queries."""
    share = heads // tensor.shape[1]
    return tensor.repeat_interleave(share, dim=1) if share > 1 else tensor


def scaled_dot_product(
    query: Tensor,
    key: Tensor,
    value: Tensor | None = None,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    attn_bias: Tensor | None = None,
    **_: Any,
) -> Attention:
    """The record of one call; the parameters are those of torch's function and its overloads."""
    mask = attn_mask if attn_bias is None else attn_bias
    if query.is_nested or key.is_nested:
        mask = _filled(query, key)
    query, key = kept(query), kept(key)
    if mask is not None and query.ndim > 4:  # photos and windows become one axis
        mask = plain(mask).expand(*query.shape[:-1], key.shape[-2])
    query, key = four_axes(query), four_axes(key)
    return Attention(
        query=query,
        key=_grouped(key, query.shape[1]),
        value=None if value is None else _grouped(four_axes(kept(value)), query.shape[1]),
        mask=None if mask is None else four_axes(kept(mask)),
        scale=query.shape[-1] ** -0.5 if scale is None else scale,
        causal=is_causal,
    )


def _filled(query: Tensor, key: Tensor) -> Tensor:
    """(batch, 1, query, key), True where neither is padding of a nested tensor."""
    rows, columns = (
        torch.nested.to_padded_tensor(torch.ones_like(one), 0.0)[..., 0].bool()
        for one in (query, key)
    )
    while rows.ndim < 3:
        rows, columns = rows.unsqueeze(1), columns.unsqueeze(1)
    both: Tensor = (rows[..., None] & columns[..., None, :])[:, :1]
    return both


def heads_last(
    query: Tensor,
    key: Tensor,
    value: Tensor | None = None,
    scale: float | None = None,
    causal: bool = False,
) -> Attention:
    """The record of a kernel with (batch, token, head, head_dim), as in flash-attn."""
    query, key = query.transpose(1, 2), key.transpose(1, 2)
    value = None if value is None else value.transpose(1, 2)
    return scaled_dot_product(query, key, value, is_causal=causal, scale=scale)


def packed(
    query: Tensor, key: Tensor, query_starts: Tensor, key_starts: Tensor, **options: Any
) -> Attention:
    """The record of a kernel with the tokens of all photos concatenated, (token, head, head_dim),
    and the start of each photo: one window whose mask keeps photos apart.
    """
    rows, columns = (
        torch.bucketize(torch.arange(len(one), device=one.device), starts[1:], right=True)
        for one, starts in ((query, query_starts), (key, key_starts))
    )
    mask = rows[:, None] == columns
    if options.pop("causal", False):
        within = [
            torch.arange(len(one), device=one.device) - starts[photo]
            for one, starts, photo in (
                (query, query_starts, rows),
                (key, key_starts, columns),
            )
        ]
        mask &= within[1] <= within[0][:, None]
    query, key = query.transpose(0, 1)[None], key.transpose(0, 1)[None]
    return scaled_dot_product(query, key, attn_mask=mask, **options)


def _flash(
    query: Tensor,
    key: Tensor,
    cum_seq_q: Tensor | None = None,
    cum_seq_k: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    **more: Any,
) -> Attention:
    _refuse(more, "window_size_left", "window_size_right", "alibi_slopes", "block_table")
    if cum_seq_q is not None and cum_seq_k is not None:
        return packed(query, key, cum_seq_q, cum_seq_k, causal=is_causal, scale=scale)
    return heads_last(query, key, causal=is_causal, scale=scale)


def _flash_attn(
    q: Tensor, k: Tensor, softmax_scale: float | None = None, causal: bool = False, **more: Any
) -> Attention:
    _refuse(more, "window_size_left", "window_size_right", "alibi_slopes", "softcap", "block_table")
    if more.get("cu_seqlens_q") is not None:
        starts = more["cu_seqlens_q"], more["cu_seqlens_k"]
        return packed(q, k, *starts, causal=causal, scale=softmax_scale)
    return heads_last(q, k, scale=softmax_scale, causal=causal)


def _efficient(
    query: Tensor,
    key: Tensor,
    bias: Tensor | None = None,
    custom_mask_type: int = 0,
    scale: float | None = None,
    **more: Any,
) -> Attention:
    _refuse(more, "cu_seqlens_q", "cu_seqlens_k", "window_size")
    queries, keys = query.transpose(1, 2), key.transpose(1, 2)
    causal = custom_mask_type == 1
    return scaled_dot_product(queries, keys, attn_mask=bias, is_causal=causal, scale=scale)


def _refuse(options: Mapping[str, Any], *names: str) -> None:
    """Raises ValueError for an option whose mask is not modelled here."""
    for name in names:
        value = options.get(name)
        if isinstance(value, Tensor) or (value is not None and value not in (0, -1, 0.0)):
            raise ValueError(f"its option {name} is not understood")


# torch.nn.MultiheadAttention and TransformerEncoderLayer ------------------------------------------


def native_multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_head: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor | None,
    proj_weight: Tensor,
    proj_bias: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
    tokens: int | None = None,
) -> Attention:
    """What `nn.MultiheadAttention` runs in eval mode without gradients, from input to output.

    Query and key exist only inside the kernel; they are projected once more, which may round
    differently in the last bits. tokens: padded sentence length, if the input was nested.
    """
    visible = _padding(query, tokens) if query.is_nested else _seen_through(mask, mask_type)
    projected = []
    for index, given in enumerate((query, key)):
        rows = slice(index * embed_dim, (index + 1) * embed_dim)
        bias = None if qkv_bias is None else qkv_bias[rows]
        tokens_of = F.linear(_padded(given.detach(), tokens), qkv_weight[rows], bias)
        projected.append(tokens_of.detach().unflatten(-1, (num_head, -1)).transpose(1, 2))
    return Attention(projected[0], projected[1], visible, scale=(embed_dim // num_head) ** -0.5)


def encoder_layer(
    src: Tensor,
    embed_dim: int,
    num_heads: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Tensor,
    norm_bias_1: Tensor,
    *rest: Any,
    mask: Tensor | None = None,
    mask_type: int | None = None,
    tokens: int | None = None,
) -> Attention:
    """The same for `nn.TransformerEncoderLayer`, which runs as one kernel including its norms."""
    if len(rest) > 6:
        mask, mask_type = rest[6], (rest[7] if len(rest) > 7 else mask_type)
    visible = _padding(src, tokens) if src.is_nested else _seen_through(mask, mask_type)
    given = _padded(src.detach(), tokens)
    if norm_first:
        given = F.layer_norm(given, (embed_dim,), norm_weight_1, norm_bias_1, eps)
    weights = qkv_weight, qkv_bias, proj_weight, proj_bias
    found = native_multi_head(given, given, given, embed_dim, num_heads, *weights)
    return Attention(found.query, found.key, visible, found.scale)


def _padded(tensor: Tensor, tokens: int | None) -> Tensor:
    if not tensor.is_nested:
        return tensor
    size = None if tokens is None else (tensor.size(0), tokens, tensor.size(-1))
    padded: Tensor = torch.nested.to_padded_tensor(tensor, 0.0, size)
    return padded


def _padding(nested: Tensor, tokens: int | None) -> Tensor:
    """(batch, 1, query, key), True where neither is padding, which the kernel skipped."""
    present = _padded(torch.ones_like(nested), tokens)[..., 0].bool()
    return present[:, None, :, None] & present[:, None, None, :]


def _seen_through(mask: Tensor | None, mask_type: int | None) -> Tensor | None:
    """Converts a mask of these kernels (True or −∞ = hidden) to four axes with True = visible."""
    if mask is None:
        return None
    visible = ~mask.bool()
    if mask_type == 1:  # over keys, (batch, key)
        return visible[:, None, None]
    return four_axes(visible)


# FlexAttention ------------------------------------------------------------------------------------


def flex(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Callable[..., Tensor],
    block_mask: tuple[Any, ...],
    scale: float,
    kernel_options: Any = None,
    score_mod_other_buffers: tuple[Any, ...] = (),
    mask_mod_other_buffers: tuple[Any, ...] = (),
) -> Attention:
    """FlexAttention (Dong et al. 2024): its score and mask functions are recorded as an additive
    mask; none if they leave the scores unchanged.
    """
    query, key = kept(query), kept(key)
    key = _grouped(key, query.shape[1]).expand(query.shape[0], -1, -1, -1)
    scores = (query.float() @ key.float().transpose(-1, -2)) * scale
    # The functions are written for a single score; indices with four axes evaluate all at once.
    places = torch.meshgrid(
        *(torch.arange(size, device=scores.device) for size in scores.shape),
        indexing="ij",
    )
    seen = block_mask[-1](*places, *mask_mod_other_buffers).expand(scores.shape)
    after = score_mod(scores, *places, *score_mod_other_buffers).expand(scores.shape)
    mask: Tensor | None = None
    if not torch.equal(after, scores):
        mask = torch.where(seen, after - scores, -torch.inf)
    elif not seen.all():
        mask = seen.contiguous()
    return Attention(query, key, mask, scale)


FUNCTIONS: dict[Callable[..., Any], Adapter] = {
    F.scaled_dot_product_attention: scaled_dot_product,
    torch._native_multi_head_attention: native_multi_head,
    torch._transformer_encoder_layer_fwd: encoder_layer,
}
"""Functions of torch that are attention kernels."""

OPERATORS: dict[str, Adapter] = {
    **dict.fromkeys(
        (
            "aten::scaled_dot_product_attention",
            "aten::_scaled_dot_product_attention_math",
            "aten::_scaled_dot_product_attention_math_for_mps",
            "aten::_scaled_dot_product_flash_attention",
            "aten::_scaled_dot_product_flash_attention_for_cpu",
            "aten::_scaled_dot_product_efficient_attention",
            "aten::_scaled_dot_product_cudnn_attention",
            "aten::_scaled_dot_product_fused_attention_overrideable",
        ),
        scaled_dot_product,
    ),
    "aten::_flash_attention_forward": _flash,
    "aten::_efficient_attention_forward": _efficient,
    "aten::_native_multi_head_attention": native_multi_head,
    "aten::_transformer_encoder_layer_fwd": encoder_layer,
    "flash_attn::_flash_attn_forward": _flash_attn,
    "flash_attn::_flash_attn_varlen_forward": _flash_attn,
}
"""The operators of the dispatcher, by name."""


_BY_NAME = {scaled_dot_product, _flash, _flash_attn, _efficient}
"""Adapters that serve several operators."""


def called(
    adapter: Adapter, args: tuple[Any, ...], kwargs: dict[str, Any], named: dict[str, Any]
) -> Attention:
    """Calls an adapter: for torch's overloads with arguments by schema name, as their order
    differs; a user's adapter is called as the operator was.
    """
    return adapter(**named) if adapter in _BY_NAME else adapter(*args, **kwargs)


def named_arguments(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an operator call by schema name."""
    if not isinstance(op, torch._ops.OpOverload):
        op = getattr(op, "default", op)
    schema = getattr(op, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema is not None else []
    return {**dict(zip(names, args, strict=False)), **kwargs}


def name_of(op: Any) -> str:
    """The "namespace::name" of an operator, the same for all overloads.

    Raises ValueError if it is not an operator.
    """
    if isinstance(op, str) and "::" in op:
        return op.partition(".")[0]
    if isinstance(op, torch._ops.OpOverload):
        return str(op.overloadpacket._qualified_op_name)
    if isinstance(op, torch._ops.OpOverloadPacket):
        return str(op._qualified_op_name)
    if isinstance(op, torch._ops.HigherOrderOperator):
        return str(op.name())
    qualified = getattr(op, "_qualname", None)  # result of torch.library.custom_op
    if isinstance(qualified, str):
        return qualified
    raise ValueError(
        f"{op!r} is no operator: kernels are named by torch.ops.<library>.<name>, by "
        "'<library>::<name>', or by what torch.library.custom_op returned"
    )


def is_operator(func: Any) -> bool:
    """Whether a function that was called is an operator of the dispatcher."""
    return isinstance(func, torch._ops.OperatorBase | torch._ops.OpOverloadPacket)


def looks_like_attention(args: tuple[Any, ...], result: Any) -> bool:
    """Whether an unknown operator may be attention: it takes three tensors (…, token, head_dim),
    with keys as wide as queries and as many keys as values, and returns one shaped like the first.
    """
    given = [argument for argument in args if isinstance(argument, Tensor) and argument.ndim >= 3][
        :3
    ]
    first = next(iter(result), None) if isinstance(result, tuple | list) else result
    if len(given) < 3 or not isinstance(first, Tensor):
        return False
    query, key, value = given
    if first.ndim != query.ndim or first.shape[:-1] != query.shape[:-1]:
        return False
    return (
        query.ndim == key.ndim == value.ndim
        and query.shape[-1] == key.shape[-1]
        and key.shape[:-1] == value.shape[:-1]
        and query.is_floating_point()
    )
