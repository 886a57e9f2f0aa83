"""Vision models of Hugging Face transformers from small configurations, with random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.coverage.families import Built, Family, photo

WIDTH: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
TEXT: dict[str, Any] = {**WIDTH, "vocab_size": 100, "max_position_embeddings": 32}


def words(length: int = 6) -> Tensor:
    """(1, length): token numbers."""
    return torch.arange(3, 3 + length)[None]


def _vit() -> Built:
    from transformers import ViTConfig, ViTForImageClassification

    module = ViTForImageClassification(ViTConfig(**WIDTH, image_size=64, patch_size=8))
    return module, {"pixel_values": photo(64, 64)}, "ViT"


def _deit() -> Built:
    from transformers import DeiTConfig, DeiTForImageClassificationWithTeacher

    config = DeiTConfig(**WIDTH, image_size=64, patch_size=8)
    return DeiTForImageClassificationWithTeacher(config), {"pixel_values": photo(64, 64)}, "DeiT"


def _dinov2() -> Built:
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    config = Dinov2WithRegistersConfig(**WIDTH, image_size=56, patch_size=14)
    return Dinov2WithRegistersModel(config), {"pixel_values": photo(56, 84)}, "DINOv2, registers"


def _swin() -> Built:
    from transformers import SwinConfig, SwinForImageClassification

    config = SwinConfig(
        image_size=112, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=7
    )
    return SwinForImageClassification(config), {"pixel_values": photo(112, 112)}, "Swin"


def _beit() -> Built:
    from transformers import BeitConfig, BeitForImageClassification

    config = BeitConfig(**WIDTH, image_size=64, patch_size=8, use_relative_position_bias=True)
    return BeitForImageClassification(config), {"pixel_values": photo(64, 64)}, "BEiT"


def _clip() -> Built:
    from transformers import CLIPConfig, CLIPModel

    config = CLIPConfig(
        text_config=TEXT,
        vision_config={**WIDTH, "image_size": 64, "patch_size": 8},
        projection_dim=16,
    )
    return CLIPModel(config), {"pixel_values": photo(64, 64), "input_ids": words()}, "CLIP"


def _siglip() -> Built:
    from transformers import SiglipConfig, SiglipModel

    config = SiglipConfig(
        text_config=TEXT, vision_config={**WIDTH, "image_size": 64, "patch_size": 8}
    )
    return SiglipModel(config), {"pixel_values": photo(64, 64), "input_ids": words()}, "SigLIP"


def _detr() -> Built:
    from transformers import DetrConfig, DetrForObjectDetection

    config = DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=_resnet(),
        **_detector(),
    )
    return DetrForObjectDetection(config), {"pixel_values": photo(128, 192)}, "DETR"


def _deformable_detr() -> Built:
    from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection

    config = DeformableDetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=_resnet(("stage2", "stage3", "stage4")),
        **_detector(),
    )
    return (
        DeformableDetrForObjectDetection(config),
        {"pixel_values": photo(128, 192)},
        "Deformable DETR",
    )


def _resnet(features: tuple[str, ...] = ("stage4",)) -> Any:
    from transformers import ResNetConfig

    return ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 16, 32],
        depths=[1, 1, 1, 1],
        out_features=list(features),
    )


def _detector() -> dict[str, Any]:
    return {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "num_queries": 10,
    }


def _segformer() -> Built:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16
    )
    module = SegformerForSemanticSegmentation(config)
    return module, {"pixel_values": photo(128, 160)}, "SegFormer"


def _blip() -> Built:
    from transformers import BlipConfig, BlipForConditionalGeneration

    config = BlipConfig(
        text_config={
            **TEXT,
            "bos_token_id": 1,
            "sep_token_id": 2,
            "pad_token_id": 0,
            "encoder_hidden_size": 32,
        },
        vision_config={**WIDTH, "image_size": 64, "patch_size": 8},
        projection_dim=16,
    )
    module = BlipForConditionalGeneration(config)
    return module, {"pixel_values": photo(64, 64), "input_ids": words()}, "BLIP captioner"


def _captioner() -> Built:
    from transformers import (
        GPT2Config,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
    )

    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**WIDTH, image_size=64, patch_size=8),
        GPT2Config(
            vocab_size=100,
            n_positions=32,
            n_embd=32,
            n_layer=2,
            n_head=4,
            bos_token_id=1,
            eos_token_id=2,
            add_cross_attention=True,
        ),
    )
    module = VisionEncoderDecoderModel(config=config)
    return module, {"pixel_values": photo(64, 64), "decoder_input_ids": words()}, "ViT-GPT2"


def _trocr() -> Built:
    from transformers import (
        TrOCRConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
    )

    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**WIDTH, image_size=64, patch_size=8),
        TrOCRConfig(
            vocab_size=100,
            d_model=32,
            decoder_layers=2,
            decoder_attention_heads=4,
            decoder_ffn_dim=64,
            max_position_embeddings=32,
            cross_attention_hidden_size=32,
        ),
    )
    module = VisionEncoderDecoderModel(config=config)
    return module, {"pixel_values": photo(64, 64), "decoder_input_ids": words()}, "TrOCR"


_BUILDERS: dict[str, Callable[[], Built]] = {
    "vit": _vit,
    "deit": _deit,
    "dinov2_with_registers": _dinov2,
    "swin": _swin,
    "beit": _beit,
    "clip": _clip,
    "siglip": _siglip,
    "detr": _detr,
    "deformable_detr": _deformable_detr,
    "segformer": _segformer,
    "blip": _blip,
    "vision_encoder_decoder: vit, gpt2": _captioner,
    "vision_encoder_decoder: vit, trocr": _trocr,
}


def _built(build: Callable[[], Built]) -> Built:
    torch.manual_seed(0)
    module, inputs, name = build()
    return module.eval(), inputs, name


def transformers_families() -> Iterator[Family]:
    """Those that the project promises, and no others: a configuration has to be written by hand."""
    for name, build in _BUILDERS.items():
        yield Family("transformers", name, partial(_built, build))
