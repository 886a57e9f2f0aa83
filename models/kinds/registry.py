"""The signatures: what attention, gates and spatial transformers look like from below.

| what is called                                                     | site                  |
|--------------------------------------------------------------------|-----------------------|
| scaled_dot_product_attention                                       | attention: q and k    |
| softmax, then a product (matmul, einsum, or times and sum) that    | attention: its matrix |
| sums over its keys                                                 |                       |
| a map times a factor that depends on the photo and has one value   | channel, spatial gate |
| a channel, or one a place                                          |                       |
| a map times two such factors, one along rows and one along columns | strip gate            |
| grid_sample at points that depend on the photo                     | spatial transformer   |

A handler calls the function exactly as the network did and looks at arguments and result; it
never changes either. `STARTS` and `FOLLOWS` at the end are the whole registry: what begins a
signature, and what is only looked at after something has begun.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.kinds import axes, branches, constant, declared, following, leaving, products
from fovea.models.kinds.attention import choosing, fused
from fovea.models.kinds.attention import signature as attention
from fovea.models.kinds.attention.kernels import OPERATORS, Adapter, name_of
from fovea.models.kinds.gate import arithmetic
from fovea.models.kinds.kind import SiteKind
from fovea.models.kinds.product import Recogniser
from fovea.models.kinds.spellings import Handler, Handlers, spellings
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

SITE_KINDS: dict[str, SiteKind] = {
    kind.name: kind for own in declared("kind", "KINDS") for kind in own
}
"""The kinds of sites by name: the `KINDS` of every folder's `kind.py`. There is no other list."""

RECOGNISERS: tuple[Recogniser, ...] = tuple(
    one.recognise
    for one in sorted(declared("signature", "RECOGNITION"), key=lambda one: -one.factors)
)
"""The recognisers of products, most specific first: the `RECOGNITION` of a folder's signature."""

_VIEWS = (
    "view reshape flatten unflatten squeeze unsqueeze expand expand_as"
    " contiguous clone to type type_as float half bfloat16 double view_as __getitem__"
    " dropout detach repeat tile repeat_interleave detach_ alias narrow select reshape_as cpu cuda"
    " as_subclass"
)


_PROPERTIES = [getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH", "data", "real")]


_on_layer = arithmetic.on_layer(following.on_linear)


def on_linear(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A layer, or a product with values in the place of its weight."""
    weight = args[1] if len(args) > 1 else kwargs.get("weight")
    # One output is the mean of a distribution over numbers.
    layer = isinstance(weight, Tensor) and (
        weight.shape[0] < 2 or watch.recording.is_learned(weight)
    )
    if layer and weight.shape[0] > 1:
        attention.note_memory(watch, args[0])
    result = (_on_layer if layer else attention.on_product)(watch, func, args, kwargs)
    few = layer and weight.shape[0] <= FEW and weight.shape[0] < weight.shape[1]
    if few and result.ndim > 2 and watch.recording.origins.get(result) is None:
        watch.recording.origins.set(result, Origin("row"))
    return result


FEW = 16
"""A layer that makes at most so many numbers of each token may make gates for its heads."""

STARTS: Handlers = {
    **{call: handler for own in declared("starts", "STARTS") for call, handler in own.items()},
    # Shared by several kinds.
    F.linear: on_linear,
    **dict.fromkeys(spellings("numpy __array__ __dlpack__ data_ptr"), leaving.on_leaving),
    **dict.fromkeys(
        spellings("gt ge lt le __gt__ __ge__ __lt__ __le__ greater greater_equal less less_equal"),
        arithmetic.on_threshold,
    ),
    **dict.fromkeys(
        spellings("exp exp_"), attention.exponential(arithmetic.activation(0, math.inf))
    ),
    **dict.fromkeys(spellings("sum"), arithmetic.on_pooled_sum(attention.on_sum)),
    **dict.fromkeys(
        spellings("mul mul_ multiply __mul__ __rmul__ __imul__"), products.on_product(RECOGNISERS)
    ),
    **dict.fromkeys(spellings("addcmul addcmul_"), products.on_product_added(RECOGNISERS)),
    torch.einsum: products.on_einsum(RECOGNISERS),
    **dict.fromkeys(
        spellings("permute transpose swapaxes swapdims movedim moveaxis"), axes.on_permutation
    ),
    **dict.fromkeys(
        spellings(
            "arange linspace zeros ones full eye tensor as_tensor logspace tril_indices"
            " triu_indices zeros_like ones_like full_like empty_like new_zeros new_ones"
            " new_full new_tensor rand randn randint randperm rand_like randn_like"
        ),
        constant.on_constant,
    ),
    **dict.fromkeys(
        [torch.stack, torch.cat, torch.concat, torch.meshgrid, torch.broadcast_tensors],
        constant.on_collection,
    ),
}
"""Functions at which something may begin, with their handlers: the `STARTS` of every folder's
`starts.py`, and those that several kinds share.
"""

FOLLOWS: Handlers = {
    **dict.fromkeys(spellings("argmax argmin max min topk"), choosing.on_best),
    **dict.fromkeys(
        spellings("gather take_along_dim index_select"), choosing.on_taking(attention.plainly)
    ),
    **dict.fromkeys([F.one_hot, *spellings("scatter scatter_")], choosing.on_marking),
    **dict.fromkeys(spellings("lerp lerp_ where"), products.on_blend),
    **dict.fromkeys(
        spellings("div div_ divide true_divide __truediv__ __itruediv__"),
        products.on_division(RECOGNISERS),
    ),
    **dict.fromkeys(spellings("neg neg_ negative __neg__"), arithmetic.on_negation),
    **dict.fromkeys(
        [*spellings(_VIEWS), F.dropout, F.interpolate, F.upsample, *_PROPERTIES], following.on_view
    ),
    Tensor.__getitem__: choosing.on_taking(following.on_view),
    **dict.fromkeys(spellings("unbind chunk split"), following.on_unbind),
    **dict.fromkeys(
        spellings(
            "add add_ __add__ __radd__ __iadd__ sub sub_ subtract __sub__ __isub__ __rsub__ rsub"
        ),
        arithmetic.on_sum,
    ),
    **dict.fromkeys(
        [F.conv2d, torch.conv2d, F.conv1d, torch.conv1d],
        arithmetic.on_layer(following.on_convolution),
    ),
    **dict.fromkeys(
        [
            *spellings("masked_fill masked_fill_ nan_to_num"),
            *(F.batch_norm, F.layer_norm, F.group_norm, F.normalize),
        ],
        arithmetic.on_layer(following.on_change),
    ),
    **dict.fromkeys(
        [
            *spellings("relu relu_ pow pow_ __pow__ square abs sqrt"),
            *(F.relu, F.gelu, F.silu, F.hardswish, F.leaky_relu, F.elu, F.mish),
        ],
        arithmetic.on_layer(following.on_other),
    ),
}
"""What is looked at only while something that has begun is alive, and who looks."""

_OTHER_NAMES = {
    "_to_copy": "to",
    "_unsafe_view": "view",
    "_reshape_alias": "view",
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
    if name == "flex_attention" and name not in kernels:
        return fused.on_flex
    adapter = kernels.get(name) or OPERATORS.get(name)
    if adapter is not None:
        return fused.on_operator(adapter, op)
    if isinstance(op, torch._ops.HigherOrderOperator):
        return branches.on_cond if name == "cond" else branches.on_higher_order
    library, _, plain = name.rpartition("::")
    if library != "aten":
        return fused.on_unknown_operator
    plain = _OTHER_NAMES.get(plain, plain)
    for owner in (F, torch, Tensor):
        function = getattr(owner, plain, None)
        for table in (STARTS, FOLLOWS):
            if function in table:
                return fused.as_function(table[function], function)
    return None
