"""The networks of segmentation-models-pytorch (MIT), one for every decoder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import nn

from benchmarks.coverage.families import Family
from benchmarks.coverage.small.building import families, noise

_DECODERS: dict[str, dict[str, Any]] = {
    "Unet": {"decoder_attention_type": "scse"},
    "UnetPlusPlus": {},
    "MAnet": {},
    "Linknet": {"encoder": "timm-efficientnet-b0"},
    "FPN": {"encoder": "se_resnet50"},
    "PSPNet": {},
    "PAN": {"side": 128},
    "DeepLabV3": {},
    "DeepLabV3Plus": {"encoder": "mobilenet_v2"},
    "UPerNet": {"encoder": "mit_b0"},
    "Segformer": {"encoder": "mit_b0"},
    "DPT": {"encoder": "tu-vit_tiny_patch16_224", "dynamic_img_size": True},
}


def _build(decoder: str, settings: dict[str, Any]) -> tuple[nn.Module, tuple[Any, ...]]:
    import segmentation_models_pytorch as library

    options = {"encoder": "resnet18", "side": 64, **settings}
    encoder, side = options.pop("encoder"), options.pop("side")
    module: nn.Module = library.create_model(
        decoder, encoder, encoder_weights=None, classes=3, **options
    )
    return module, (noise(1, 3, side, side),)


def segmentation_families() -> Iterator[Family]:
    """One for every decoder, with several encoders among them."""
    return families(
        "segmentation_models_pytorch",
        {decoder: partial(_build, decoder, options) for decoder, options in _DECODERS.items()},
    )
