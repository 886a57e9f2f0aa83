"""The signatures: what attention, gates and spatial transformers look like from below.

| what is called                                                     | site                  |
|--------------------------------------------------------------------|-----------------------|
| scaled_dot_product_attention                                       | attention: q and k    |
| softmax, then a product (matmul, einsum, or times and sum) that    | attention: its matrix |
| sums over its keys                                                 |                       |
| sigmoid or hard sigmoid, then a product with a larger feature map  | channel, spatial gate |
| softmax over branches or channels, then the same                   | channel gate          |
| affine_grid, then grid_sample                                      | spatial transformer   |

A handler calls the function exactly as the network did and looks at arguments and result; it
never changes either. `STARTS` and `FOLLOWS` at the end are the whole registry: what begins a
signature, and what is only looked at after something has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.kinds import following
from fovea.models.kinds.attention import signature as attention
from fovea.models.kinds.gate import signature as gates
from fovea.models.kinds.warp import signature as sampling
from fovea.models.tracing.recording import Watch

Handler = Callable[[Watch, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
Handlers = dict[Callable[..., Any], Handler]

_VIEWS = (
    "view reshape flatten unflatten transpose permute swapaxes squeeze unsqueeze expand expand_as"
    " contiguous clone to type type_as float half bfloat16 double view_as t movedim __getitem__"
    " dropout"
)


def _functions(names: str) -> list[Callable[..., Any]]:
    """The method of Tensor and the function of torch with each of these names, where they exist."""
    owners = (Tensor, torch)
    return [
        getattr(owner, name) for name in names.split() for owner in owners if hasattr(owner, name)
    ]


STARTS: Handlers = {
    F.scaled_dot_product_attention: attention.on_attention,
    F.multi_head_attention_forward: attention.on_multi_head_attention,
    **dict.fromkeys(
        [*_functions("softmax"), F.softmax, torch.special.softmax], attention.on_softmax
    ),
    **dict.fromkeys(
        [*_functions("sigmoid sigmoid_"), F.sigmoid, torch.special.expit, F.hardsigmoid],
        gates.on_sigmoid,
    ),
    **dict.fromkeys(_functions("clamp clamp_ clip clip_"), gates.on_clamp),
    F.hardtanh: gates.on_hardtanh,
    F.relu6: gates.on_relu6,
    F.affine_grid: sampling.on_affine_grid,
}
"""What begins a signature, and who looks."""

FOLLOWS: Handlers = {
    **dict.fromkeys(_functions("matmul bmm __matmul__"), attention.on_matmul),
    torch.einsum: attention.on_einsum,
    **dict.fromkeys(_functions("sum"), attention.on_sum),
    **dict.fromkeys(_functions("mul mul_ multiply __mul__ __rmul__ __imul__"), gates.on_product),
    **dict.fromkeys(
        _functions("div div_ divide true_divide __truediv__ __itruediv__"), gates.on_quotient
    ),
    F.grid_sample: sampling.on_grid_sample,
    **dict.fromkeys([*_functions(_VIEWS), F.dropout], following.on_view),
    **dict.fromkeys(_functions("unbind chunk split"), following.on_unbind),
    F.linear: following.on_linear,
    **dict.fromkeys(
        _functions("add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __isub__"),
        following.on_sum_of_two,
    ),
    **dict.fromkeys([F.conv2d, torch.conv2d], following.on_convolution),
    **dict.fromkeys(
        [
            *_functions("masked_fill masked_fill_ nan_to_num"),
            *(F.batch_norm, F.layer_norm, F.group_norm, F.normalize),
        ],
        following.on_change,
    ),
}
"""What is looked at only while something that has begun is alive, and who looks."""
