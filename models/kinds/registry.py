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
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.kinds import axes, constant, following, leaving, products
from fovea.models.kinds.attention import choosing
from fovea.models.kinds.attention import signature as attention
from fovea.models.kinds.attention.kernels import OPERATORS, Adapter, name_of
from fovea.models.kinds.attention.kind import ATTENTION
from fovea.models.kinds.gate import arithmetic
from fovea.models.kinds.gate import signature as gates
from fovea.models.kinds.gate.kind import CHANNEL_GATE, SPATIAL_GATE
from fovea.models.kinds.kind import SiteKind
from fovea.models.kinds.product import Recogniser
from fovea.models.kinds.strip import signature as strips
from fovea.models.kinds.strip.kind import STRIP_GATE
from fovea.models.kinds.warp import signature as sampling
from fovea.models.kinds.warp.kind import SPATIAL_TRANSFORMER
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.products import PRODUCTS
from fovea.models.tracing.recording import Watch

Handler = Callable[[Watch, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
Handlers = dict[Callable[..., Any], Handler]

SITE_KINDS: dict[str, SiteKind] = {
    kind.name: kind
    for kind in (ATTENTION, CHANNEL_GATE, SPATIAL_GATE, STRIP_GATE, SPATIAL_TRANSFORMER)
}
"""The kinds of sites by name; the only list of them."""

RECOGNISERS: tuple[Recogniser, ...] = (strips.recognise, gates.recognise)
"""Who is shown a product of a map and a factor, in this order."""

_VIEWS = (
    "view reshape flatten unflatten squeeze unsqueeze expand expand_as"
    " contiguous clone to type type_as float half bfloat16 double view_as __getitem__"
    " dropout detach repeat tile repeat_interleave detach_ alias narrow select reshape_as cpu cuda"
    " as_subclass"
)


_PROPERTIES = [getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH", "data", "real")]


def _functions(names: str) -> list[Callable[..., Any]]:
    """The method of Tensor and the function of torch with each of these names, where they exist."""
    owners = (Tensor, torch)
    return [
        getattr(owner, name) for name in names.split() for owner in owners if hasattr(owner, name)
    ]


_SIGMOID, _TANH, _EXP = (
    arithmetic.activation(low, high) for low, high in ((0, 1), (-1, 1), (0, math.inf))
)

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
    F.linear: on_linear,
    **dict.fromkeys(_functions("numpy __array__ __dlpack__ data_ptr"), leaving.on_leaving),
    **dict.fromkeys(
        _functions("gt ge lt le __gt__ __ge__ __lt__ __le__ greater greater_equal less less_equal"),
        arithmetic.on_threshold,
    ),
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
            *_functions("exp2 exp2_ log_softmax _log_softmax"),
            *(F.log_softmax, torch.special.log_softmax, F.gumbel_softmax),
        ],
        attention.exponential(attention.plainly),
    ),
    **dict.fromkeys(
        [call for call in PRODUCTS if call not in (F.linear, torch.einsum)], attention.on_product
    ),
    **dict.fromkeys(
        [*_functions("sigmoid sigmoid_"), F.sigmoid, torch.special.expit, F.hardsigmoid], _SIGMOID
    ),
    **dict.fromkeys([*_functions("tanh tanh_"), F.tanh], _TANH),
    **dict.fromkeys(_functions("exp exp_"), attention.exponential(_EXP)),
    **dict.fromkeys(_functions("clamp clamp_ clip clip_"), arithmetic.on_clamp),
    F.hardtanh: arithmetic.on_hardtanh,
    F.relu6: arithmetic.activation(0, 6),
    **dict.fromkeys(
        _functions("reciprocal reciprocal_ __rtruediv__ __rdiv__"), arithmetic.on_reciprocal
    ),
    **dict.fromkeys(_functions("rsqrt rsqrt_ cos sin"), arithmetic.on_normaliser),
    **dict.fromkeys(
        [*_functions("mean amax norm"), F.adaptive_avg_pool2d, F.adaptive_max_pool2d],
        arithmetic.on_pooling,
    ),
    **dict.fromkeys(_functions("sum"), arithmetic.on_pooled_sum(attention.on_sum)),
    **dict.fromkeys(
        _functions("mul mul_ multiply __mul__ __rmul__ __imul__"), products.on_product(RECOGNISERS)
    ),
    **dict.fromkeys(_functions("addcmul addcmul_"), products.on_product_added(RECOGNISERS)),
    torch.einsum: products.on_einsum(RECOGNISERS),
    **dict.fromkeys(
        _functions("permute transpose swapaxes swapdims movedim moveaxis"), axes.on_permutation
    ),
    F.affine_grid: sampling.on_affine_grid,
    F.grid_sample: sampling.on_grid_sample,
    **dict.fromkeys(
        [
            *(torch.grid_sampler, torch.grid_sampler_2d),
            *(torch.ops.aten.grid_sampler, torch.ops.aten.grid_sampler.default),
            *(torch.ops.aten.grid_sampler_2d, torch.ops.aten.grid_sampler_2d.default),
        ],
        sampling.on_grid_sampler,
    ),
    **dict.fromkeys(
        _functions(
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
"""What begins a signature, and who looks."""

FOLLOWS: Handlers = {
    **dict.fromkeys(_functions("argmax argmin max min topk"), choosing.on_best),
    **dict.fromkeys(
        _functions("gather take_along_dim index_select"), choosing.on_taking(attention.plainly)
    ),
    **dict.fromkeys([F.one_hot, *_functions("scatter scatter_")], choosing.on_marking),
    **dict.fromkeys(_functions("lerp lerp_ where"), products.on_blend),
    **dict.fromkeys(
        _functions("div div_ divide true_divide __truediv__ __itruediv__"),
        products.on_division(RECOGNISERS),
    ),
    **dict.fromkeys(_functions("neg neg_ negative __neg__"), arithmetic.on_negation),
    **dict.fromkeys(
        [*_functions(_VIEWS), F.dropout, F.interpolate, F.upsample, *_PROPERTIES], following.on_view
    ),
    Tensor.__getitem__: choosing.on_taking(following.on_view),
    **dict.fromkeys(_functions("unbind chunk split"), following.on_unbind),
    **dict.fromkeys(
        _functions(
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
            *_functions("masked_fill masked_fill_ nan_to_num"),
            *(F.batch_norm, F.layer_norm, F.group_norm, F.normalize),
        ],
        arithmetic.on_layer(following.on_change),
    ),
    **dict.fromkeys(
        [
            *_functions("relu relu_ pow pow_ __pow__ square abs sqrt"),
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
        return attention.on_flex
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
