"""The networks of MONAI (Apache 2.0), on pictures and on volumes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import Tensor, nn

from benchmarks.coverage.families import Family
from benchmarks.coverage.small.building import Builder, families, noise

_VOLUME = (1, 1, 32, 32, 32)
_BODY: dict[str, Any] = {"hidden_size": 48, "mlp_dim": 48, "num_heads": 4}
_CUBE: dict[str, Any] = {"in_channels": 1, "img_size": (32, 32, 32), **_BODY}
_PATCHES: dict[str, Any] = {**_CUBE, "patch_size": (16, 16, 16), "num_layers": 2}
_SWIN: dict[str, Any] = {
    "in_channels": 1,
    "out_channels": 2,
    "feature_size": 12,
    "depths": (1, 1, 1, 1),
    "num_heads": (1, 2, 2, 2),
}
_DIFFUSION: dict[str, Any] = {
    "spatial_dims": 2,
    "in_channels": 3,
    "out_channels": 3,
    "num_res_blocks": 1,
    "channels": (16, 32),
    "attention_levels": (False, True),
    "norm_num_groups": 8,
}

_ROWS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "ViT": ({**_PATCHES, "classification": True, "num_classes": 3}, _VOLUME),
    "ViTAutoEnc": (_PATCHES, _VOLUME),
    "MaskedAutoEncoderViT": (
        {
            **_PATCHES,
            "decoder_hidden_size": 48,
            "decoder_mlp_dim": 48,
            "decoder_num_layers": 1,
            "decoder_num_heads": 4,
        },
        _VOLUME,
    ),
    "UNETR": ({**_CUBE, "out_channels": 2, "feature_size": 8}, _VOLUME),
    "SwinUNETR": (_SWIN, (1, 1, 64, 64, 64)),
    "SwinUNETR, two axes": ({**_SWIN, "spatial_dims": 2}, (1, 1, 64, 64)),
    "AttentionUnet": (
        {
            "spatial_dims": 2,
            "in_channels": 3,
            "out_channels": 2,
            "channels": (8, 16, 32),
            "strides": (2, 2),
        },
        (1, 3, 32, 32),
    ),
    "SEResNet50": ({"spatial_dims": 2, "in_channels": 3, "num_classes": 3}, (1, 3, 64, 64)),
    "AutoencoderKL": (
        {
            "spatial_dims": 2,
            "in_channels": 3,
            "out_channels": 3,
            "num_res_blocks": 1,
            "channels": (16, 32),
            "attention_levels": (False, True),
            "norm_num_groups": 8,
        },
        (1, 3, 32, 32),
    ),
    "DenseNet121": ({"spatial_dims": 2, "in_channels": 3, "out_channels": 3}, (1, 3, 64, 64)),
    "SegResNet": ({"spatial_dims": 2, "in_channels": 3, "out_channels": 2}, (1, 3, 64, 64)),
}


def _build(
    name: str, settings: dict[str, Any], size: tuple[int, ...], *more: Tensor
) -> tuple[nn.Module, tuple[Any, ...]]:
    from monai.networks import nets

    module: nn.Module = getattr(nets, name.partition(",")[0])(**settings)
    return module, (noise(*size), *more)


def _restormer() -> tuple[nn.Module, tuple[Any, ...]]:
    from monai.networks.nets.restormer import Restormer

    module: nn.Module = Restormer(dim=16, num_blocks=(1, 1), heads=(1, 2), num_refinement_blocks=1)
    return module, (noise(1, 3, 32, 32),)


def _builders() -> dict[str, Builder]:
    import torch

    found: dict[str, Builder] = {
        name: partial(_build, name, settings, size) for name, (settings, size) in _ROWS.items()
    }
    found["DiffusionModelUNet"] = partial(
        _build, "DiffusionModelUNet", _DIFFUSION, (1, 3, 32, 32), torch.tensor([3])
    )
    found["Restormer"] = _restormer
    return found


def monai_families() -> Iterator[Family]:
    """Those that attend or gate, and two that do not."""
    return families("monai", _builders())
