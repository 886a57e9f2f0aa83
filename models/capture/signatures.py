"""The four signatures: what attention, gates and spatial transformers look like from below.

| what is called                                                     | site                  |
|--------------------------------------------------------------------|-----------------------|
| scaled_dot_product_attention                                       | attention: q and k    |
| softmax, then matmul with it as left factor (or right, transposed) | attention: its matrix |
| sigmoid or hardsigmoid, then a product with a larger feature map   | channel, spatial gate |
| affine_grid, then grid_sample                                      | spatial transformer   |

A handler calls the function exactly as the network did and looks at arguments and result; it
never changes either. `HANDLERS` at the end is the whole registry.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.capture.origins import Origin
from models.records import Attention, Gate, Kind, Sampling

if TYPE_CHECKING:
    from models.capture.recorder import Recording, _Watch

Handler = Callable[["_Watch", Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
Arrange = Callable[[Tensor], Tensor]


def _kept(tensor: Tensor) -> Tensor:
    """`tensor` without its history, and on storage of its own if it is a part of a larger one.

    A fused projection hands out query, key and value as three views of one tensor; keeping a view
    would keep all three.
    """
    tensor = tensor.detach()
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)


def _four_axes(tensor: Tensor) -> Tensor:
    """(…, head, row, column) with everything before the heads folded into one batch axis; heads
    added if absent.
    """
    if tensor.ndim == 2:
        return tensor[None, None]
    if tensor.ndim == 3:
        return tensor[:, None]
    return tensor if tensor.ndim == 4 else tensor.flatten(0, tensor.ndim - 4)


# --- fused attention ----------------------------------------------------------------------------


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
    query, key = _four_axes(_kept(query)), _four_axes(_kept(key))
    held = _four_axes(_kept(value)) if values else None
    if enable_gqa:
        share = query.shape[1] // key.shape[1]
        key = key.repeat_interleave(share, dim=1)
        held = None if held is None else held.repeat_interleave(share, dim=1)
    return Attention(
        query=query,
        key=key,
        value=held,
        mask=None if attn_mask is None else _four_axes(_kept(attn_mask)),
        scale=query.shape[-1] ** -0.5 if scale is None else scale,
        causal=is_causal,
    )


def _on_attention(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    result = func(*args, **kwargs)
    recording = watch.recording
    attention = _scaled_dot_product_attention(*args, **kwargs, values=recording.gradients)
    recording.add("attention", attention, differentiable=result, arrange=_four_axes)
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


def _on_multi_head_attention(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    with folded_heads_of(watch.recording, *args, **kwargs), watch:
        return attention_body(*args, **kwargs)


# --- explicit attention: softmax, then matmul ---------------------------------------------------


def _softmax_axis(input: Tensor, dim: int | None = None, *_: Any, **__: Any) -> int:
    """The axis of a softmax call, with the parameters of the torch functions."""
    return input.ndim - 1 if dim is None else dim % input.ndim


def _on_softmax(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
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
            return _four_axes(tensor if heads is None else tensor.unflatten(0, (-1, heads)))

        return factor, arrange
    return None


def _on_matmul(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    result = func(*args, **kwargs)
    if watch.recording.origins and len(args) == 2:
        found = _attention_matrix(watch, *args)
        if found is not None:
            factor, arrange = found
            attention = Attention(probabilities=arrange(_kept(factor)))
            watch.recording.add("attention", attention, differentiable=factor, arrange=arrange)
    return result


# --- gates: sigmoid, then a product with a feature map ------------------------------------------


def _on_sigmoid(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    result = func(*args, **kwargs)
    watch.recording.origins.set(result, Origin("sigmoid"))
    return result


def _without_expansion(gate: Tensor) -> Tensor:
    """`gate` with every axis that was only expanded (stride 0) narrowed to one entry again."""
    for axis in range(gate.ndim):
        if gate.shape[axis] > 1 and gate.stride(axis) == 0:
            gate = gate.narrow(axis, 0, 1)
    return gate


def gate_of(gate: Tensor, features: Tensor) -> tuple[Kind, Tensor, Tensor] | None:
    """(kind, gate, features) in (batch, channel, row, column) order if `gate` broadcasts over
    `features`, else None.

    A gate has one value a channel or one a position; a product of equals (SiLU, GLU) is neither.
    """
    gate = _without_expansion(gate)
    if gate.ndim != features.ndim or features.ndim not in (3, 4):
        return None
    if features.ndim == 3:  # (batch, token, channel): tokens stand where rows and columns would
        gate, features = gate[:, :, None], features[:, :, None]
    _, *inner = gate.shape
    _, channels, rows, columns = features.shape
    if inner == [channels, 1, 1] and rows * columns > 1:
        return "channel-gate", gate, features
    if inner == [1, rows, columns] and channels > 1 and rows > 1 and columns > 1:
        return "spatial-gate", gate, features
    if inner == [1, 1, columns] and channels * rows > 1:  # channels last
        return "channel-gate", gate.permute(0, 3, 1, 2), features.permute(0, 3, 1, 2)
    return None


def _on_product(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    recording = watch.recording
    if not recording.origins or len(args) != 2:
        return func(*args, **kwargs)
    found = None
    for gate, features in (args, args[::-1]):
        origin = recording.origins.get(gate)
        if origin is not None and origin.produced_by == "sigmoid" and isinstance(features, Tensor):
            found = gate_of(gate, features)
    if found is not None:
        kind, gate, features = found
        # Copied before the product runs: it may write over the feature map, and whatever follows
        # over the gate.
        before = features.detach().clone() if recording.features else None
        recording.add(kind, Gate(values=gate.detach().clone(), features=before))
    return func(*args, **kwargs)


# --- spatial transformer: affine_grid, then grid_sample -----------------------------------------


def _affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Origin:
    return Origin("affine-grid", theta=theta, align_corners=bool(align_corners))


def _on_affine_grid(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    result = func(*args, **kwargs)
    watch.recording.origins.set(result, _affine_grid(*args, **kwargs))
    return result


def _grid_sample_inputs(input: Tensor, grid: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
    return input, grid


def _on_grid_sample(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    result = func(*args, **kwargs)
    source, grid = _grid_sample_inputs(*args, **kwargs)
    origin = watch.recording.origins.get(grid)
    if origin is not None and origin.theta is not None and source.ndim == 4:
        sampling = Sampling(
            theta=_kept(origin.theta),
            grid=_kept(grid),
            input=_kept(source),
            output=_kept(result),
            align_corners=origin.align_corners,
        )
        watch.recording.add("spatial-transformer", sampling)
    return result


# --- changes of view and type, through which an origin is followed ------------------------------


def _on_view(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    result = func(*args, **kwargs)
    origins = watch.recording.origins
    if not origins or not args:
        return result
    origin = origins.get(args[0])
    if origin is None or not isinstance(result, Tensor) or result is args[0]:
        return result
    if origin.produced_by == "softmax" and result.data_ptr() != args[0].data_ptr():
        # New storage: the normalised axis is where it was, at the stride that it has now.
        axis = origin.axis(args[0])
        if axis is None or result.shape != args[0].shape:
            return result
        origin = Origin("softmax", size=origin.size, stride=result.stride(axis))
    origins.set(result, origin)
    return result


_VIEWS = (
    "view reshape flatten unflatten transpose permute swapaxes squeeze unsqueeze expand expand_as"
    " contiguous clone to type type_as float half bfloat16 double view_as t movedim __getitem__"
)


def _functions(*names: str) -> list[Callable[..., Any]]:
    """The method of Tensor and the function of torch with each of these names, where they exist."""
    owners = (Tensor, torch)
    return [getattr(owner, name) for name in names for owner in owners if hasattr(owner, name)]


HANDLERS: dict[Callable[..., Any], Handler] = {
    F.scaled_dot_product_attention: _on_attention,
    F.multi_head_attention_forward: _on_multi_head_attention,
    **dict.fromkeys([*_functions("softmax"), F.softmax, torch.special.softmax], _on_softmax),
    **dict.fromkeys(_functions("matmul", "bmm", "__matmul__"), _on_matmul),
    **dict.fromkeys(
        [*_functions("sigmoid", "sigmoid_"), F.sigmoid, torch.special.expit, F.hardsigmoid],
        _on_sigmoid,
    ),
    **dict.fromkeys(_functions("mul", "mul_", "multiply", "__mul__", "__rmul__"), _on_product),
    F.affine_grid: _on_affine_grid,
    F.grid_sample: _on_grid_sample,
    **dict.fromkeys([*_functions(*_VIEWS.split(), "dropout"), F.dropout], _on_view),
}
"""Every torch function that capture looks at, and who looks."""
