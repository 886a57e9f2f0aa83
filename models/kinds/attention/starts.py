"""The functions at which an attention may begin, with their handlers."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from fovea.models.kinds.attention import fused, signature
from fovea.models.kinds.spellings import Handlers, spellings
from fovea.models.tracing.products import PRODUCTS

STARTS: Handlers = {
    F.scaled_dot_product_attention: fused.on_attention,
    F.multi_head_attention_forward: fused.on_multi_head_attention,
    torch._native_multi_head_attention: fused.on_encoder_layer,
    torch._transformer_encoder_layer_fwd: fused.on_encoder_layer,
    torch._nested_tensor_from_mask: fused.on_nested,
    **dict.fromkeys(
        [
            *spellings("softmax _softmax _safe_softmax"),
            *(F.softmax, F.softmin, torch.special.softmax),
        ],
        signature.on_softmax,
    ),
    **dict.fromkeys(
        [
            *spellings("exp2 exp2_ log_softmax _log_softmax"),
            *(F.log_softmax, torch.special.log_softmax, F.gumbel_softmax),
        ],
        signature.exponential(signature.plainly),
    ),
    **dict.fromkeys(
        [call for call in PRODUCTS if call not in (F.linear, torch.einsum)], signature.on_product
    ),
}
