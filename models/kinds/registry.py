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

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.kinds import following
from fovea.models.kinds.attention import signature as attention
from fovea.models.kinds.attention.kernels import OPERATORS, Adapter, name_of
from fovea.models.kinds.gate import signature as gates
from fovea.models.kinds.warp import signature as sampling
from fovea.models.tracing.products import PRODUCTS
from fovea.models.tracing.recording import Watch

Handler = Callable[[Watch, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
Handlers = dict[Callable[..., Any], Handler]

_VIEWS = (
    "view reshape flatten unflatten transpose permute swapaxes squeeze unsqueeze expand expand_as"
    " contiguous clone to type type_as float half bfloat16 double view_as t movedim __getitem__"
    " dropout detach detach_ alias narrow select swapdims moveaxis reshape_as cpu cuda"
)


_PROPERTIES = [getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH", "data", "real")]


def _functions(names: str) -> list[Callable[..., Any]]:
    """The method of Tensor and the function of torch with each of these names, where they exist."""
    owners = (Tensor, torch)
    return [
        getattr(owner, name) for name in names.split() for owner in owners if hasattr(owner, name)
    ]


def on_linear(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A layer, or a product with values in the place of its weight."""
    weight = args[1] if len(args) > 1 else kwargs.get("weight")
    # One output is the mean of a distribution over numbers.
    layer = isinstance(weight, Tensor) and (
        weight.shape[0] < 2 or watch.recording.is_learned(weight)
    )
    handler = following.on_linear if layer else attention.on_product
    return handler(watch, func, args, kwargs)


STARTS: Handlers = {
    F.scaled_dot_product_attention: attention.on_attention,
    F.multi_head_attention_forward: attention.on_multi_head_attention,
    **dict.fromkeys(
        [torch._native_multi_head_attention, torch._transformer_encoder_layer_fwd],
        attention.on_encoder_layer,
    ),
    torch._nested_tensor_from_mask: attention.on_nested,
    **dict.fromkeys(
        [
            *_functions("softmax _softmax _safe_softmax"),
            *(F.softmax, F.softmin, torch.special.softmax),
        ],
        attention.on_softmax,
    ),
    **dict.fromkeys(
        [
            *_functions("exp exp_ exp2 log_softmax _log_softmax"),
            *(F.log_softmax, torch.special.log_softmax, F.gumbel_softmax),
        ],
        attention.on_exponential,
    ),
    **dict.fromkeys([call for call in PRODUCTS if call is not F.linear], attention.on_product),
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
    **dict.fromkeys(_functions("sum"), attention.on_sum),
    **dict.fromkeys(_functions("mul mul_ multiply __mul__ __rmul__ __imul__"), gates.on_product),
    **dict.fromkeys(
        _functions("div div_ divide true_divide __truediv__ __itruediv__"), gates.on_quotient
    ),
    F.grid_sample: sampling.on_grid_sample,
    **dict.fromkeys([*_functions(_VIEWS), F.dropout, *_PROPERTIES], following.on_view),
    **dict.fromkeys(_functions("unbind chunk split"), following.on_unbind),
    F.linear: on_linear,
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

_OTHER_NAMES = {
    "_to_copy": "to",
    "_unsafe_view": "view",
    "_reshape_alias": "view",
    "hardsigmoid": "hardsigmoid",
    "grid_sampler": "grid_sample",
    "grid_sampler_2d": "grid_sample",
    "affine_grid_generator": "affine_grid",
    "convolution": "conv2d",
    "native_dropout": "dropout",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
}
"""Operators of ATen that have another name than the function that runs them."""


def handler_of(op: Any, kernels: Mapping[str, Adapter]) -> Handler | None:
    """Who looks at an operator of the dispatcher (exported graphs, custom kernels).

    One of ATen is looked at as the function of its name; one that nobody knows, by its shapes.
    """
    name = name_of(op)
    adapter = kernels.get(name) or OPERATORS.get(name)
    if adapter is not None:
        return attention.on_operator(adapter, op)
    library, _, plain = name.rpartition("::")
    if library != "aten":
        return attention.on_unknown_operator
    plain = _OTHER_NAMES.get(plain, plain)
    for owner in (F, torch, Tensor):
        function = getattr(owner, plain, None)
        for table in (STARTS, FOLLOWS):
            if function in table:
                return attention.as_function(table[function], function)
    return None
