"""The functions at which a factor may begin, with their handlers."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from fovea.models.kinds.gate import arithmetic
from fovea.models.kinds.spellings import Handlers, spellings

STARTS: Handlers = {
    **dict.fromkeys(
        [*spellings("sigmoid sigmoid_"), F.sigmoid, torch.special.expit, F.hardsigmoid],
        arithmetic.activation(0, 1),
    ),
    **dict.fromkeys([*spellings("tanh tanh_"), F.tanh], arithmetic.activation(-1, 1)),
    **dict.fromkeys(spellings("clamp clamp_ clip clip_"), arithmetic.on_clamp),
    F.hardtanh: arithmetic.on_hardtanh,
    F.relu6: arithmetic.activation(0, 6),
    **dict.fromkeys(
        spellings("reciprocal reciprocal_ __rtruediv__ __rdiv__"), arithmetic.on_reciprocal
    ),
    **dict.fromkeys(spellings("rsqrt rsqrt_ cos sin"), arithmetic.on_normaliser),
    **dict.fromkeys(
        [*spellings("mean amax norm"), F.adaptive_avg_pool2d, F.adaptive_max_pool2d],
        arithmetic.on_pooling,
    ),
}
