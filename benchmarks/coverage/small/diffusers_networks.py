"""The networks of diffusers (Apache 2.0): U-Nets, transformers, autoencoders."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.coverage.families import Family
from benchmarks.coverage.small.building import Builder, families, noise

_STEP = torch.tensor([3])
_UNET: dict[str, Any] = {
    "sample_size": 16,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "attention_head_dim": 8,
}
_CONDITIONED: dict[str, Any] = {
    **_UNET,
    "in_channels": 4,
    "out_channels": 4,
    "cross_attention_dim": 16,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
}
_LATENT = noise(1, 4, 8, 8)
_WORDS = noise(1, 5, 32)
_HEADS: dict[str, Any] = {"num_attention_heads": 2, "attention_head_dim": 16}

_ROWS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "UNet2DModel": (
        {
            **_UNET,
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        },
        (noise(1, 3, 16, 16), _STEP),
    ),
    "UNet2DConditionModel": (_CONDITIONED, (noise(1, 4, 16, 16), _STEP, noise(1, 5, 16))),
    "DiTTransformer2DModel": (
        {
            **_HEADS,
            "in_channels": 4,
            "num_layers": 2,
            "sample_size": 8,
            "patch_size": 2,
            "num_embeds_ada_norm": 10,
        },
        (_LATENT, _STEP, torch.tensor([1])),
    ),
    "PixArtTransformer2DModel": (
        {
            **_HEADS,
            "in_channels": 4,
            "out_channels": 8,
            "num_layers": 2,
            "sample_size": 8,
            "cross_attention_dim": 32,
            "caption_channels": 32,
            "use_additional_conditions": False,
        },
        (_LATENT, _WORDS, _STEP, {"resolution": None, "aspect_ratio": None}),
    ),
    "SD3Transformer2DModel": (
        {
            "sample_size": 8,
            "patch_size": 2,
            "in_channels": 4,
            "num_layers": 2,
            "attention_head_dim": 8,
            "num_attention_heads": 4,
            "joint_attention_dim": 32,
            "caption_projection_dim": 32,
            "pooled_projection_dim": 64,
            "out_channels": 4,
        },
        (_LATENT, _WORDS, noise(1, 64), _STEP),
    ),
    "AuraFlowTransformer2DModel": (
        {
            **_HEADS,
            "sample_size": 8,
            "patch_size": 2,
            "in_channels": 4,
            "num_mmdit_layers": 1,
            "num_single_dit_layers": 1,
            "joint_attention_dim": 32,
            "out_channels": 4,
            "caption_projection_dim": 32,
            "pos_embed_max_size": 64,
        },
        (_LATENT, _WORDS, torch.tensor([0.5])),
    ),
    "SanaTransformer2DModel": (
        {
            **_HEADS,
            "in_channels": 4,
            "out_channels": 4,
            "num_layers": 1,
            "sample_size": 8,
            "num_cross_attention_heads": 2,
            "cross_attention_head_dim": 16,
            "cross_attention_dim": 32,
            "caption_channels": 32,
        },
        (_LATENT, _WORDS, _STEP),
    ),
    "FluxTransformer2DModel": (
        {
            "in_channels": 4,
            "num_layers": 1,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 32,
            "pooled_projection_dim": 32,
            "axes_dims_rope": (4, 4, 8),
        },
        (
            *(noise(1, 16, 4), _WORDS, noise(1, 32), torch.tensor([0.5])),
            *(torch.cartesian_prod(*map(torch.arange, (1, 4, 4))).float(), torch.zeros(5, 3)),
        ),
    ),
    "AutoencoderKL": (
        {"block_out_channels": (32,), "norm_num_groups": 8},
        (noise(1, 3, 16, 16),),
    ),
    "VQModel": (
        {"block_out_channels": (32,), "norm_num_groups": 8, "num_vq_embeddings": 16},
        (noise(1, 3, 16, 16),),
    ),
    "CogVideoXTransformer3DModel": (
        {
            **_HEADS,
            "in_channels": 4,
            "out_channels": 4,
            "time_embed_dim": 8,
            "text_embed_dim": 32,
            "num_layers": 1,
            "sample_width": 8,
            "sample_height": 8,
            "sample_frames": 5,
            "max_text_seq_length": 5,
        },
        (noise(1, 2, 4, 8, 8), _WORDS, _STEP),
    ),
}


def _build(
    name: str, settings: dict[str, Any], inputs: tuple[Any, ...]
) -> tuple[nn.Module, tuple[Any, ...]]:
    import diffusers

    module: nn.Module = getattr(diffusers, name)(**settings)
    return module, inputs


def _in_slices() -> tuple[nn.Module, tuple[Any, ...]]:
    module, inputs = _build("UNet2DConditionModel", *_ROWS["UNet2DConditionModel"])
    module.set_attention_slice("max")  # type: ignore[operator]
    return module, inputs


_BUILDERS: dict[str, Builder] = {
    **{name: partial(_build, name, *row) for name, row in _ROWS.items()},
    "UNet2DConditionModel, attention in slices": _in_slices,
}


def diffusers_families() -> Iterator[Family]:
    """The denoising networks, and what goes from pictures to latents."""
    return families("diffusers", _BUILDERS)
