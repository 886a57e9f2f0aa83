"""The four signatures: what attention, gates and spatial transformers look like from below.

| what is called                                                     | site                  |
|--------------------------------------------------------------------|-----------------------|
| scaled_dot_product_attention                                       | attention: q and k    |
| softmax, then a product (matmul, einsum) that sums over its keys   | attention: its matrix |
| sigmoid or hardsigmoid, then a product with a larger feature map   | channel, spatial gate |
| affine_grid, then grid_sample                                      | spatial transformer   |

A handler calls the function exactly as the network did and looks at arguments and result; it
never changes either. `HANDLERS` at the end is the whole registry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.capture import attention, gates, sampling
from models.capture.origins import Origin

if TYPE_CHECKING:
    from models.capture.recorder import _Watch

Handler = Callable[["_Watch", Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


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
    F.scaled_dot_product_attention: attention.on_attention,
    F.multi_head_attention_forward: attention.on_multi_head_attention,
    **dict.fromkeys(
        [*_functions("softmax"), F.softmax, torch.special.softmax], attention.on_softmax
    ),
    **dict.fromkeys(_functions("matmul", "bmm", "__matmul__"), attention.on_matmul),
    torch.einsum: attention.on_einsum,
    **dict.fromkeys(
        [*_functions("sigmoid", "sigmoid_"), F.sigmoid, torch.special.expit, F.hardsigmoid],
        gates.on_sigmoid,
    ),
    **dict.fromkeys(_functions("mul", "mul_", "multiply", "__mul__", "__rmul__"), gates.on_product),
    F.affine_grid: sampling.on_affine_grid,
    F.grid_sample: sampling.on_grid_sample,
    **dict.fromkeys([*_functions(*_VIEWS.split(), "dropout"), F.dropout], _on_view),
}
"""Every torch function that capture looks at, and who looks."""
