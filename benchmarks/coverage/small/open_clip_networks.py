"""The networks of open_clip (MIT): both towers, with and without attention pooling, and CoCa."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from benchmarks.coverage.families import Family
from benchmarks.coverage.small.building import families, noise, words

_IMAGE: dict[str, Any] = {
    "layers": 2,
    "width": 64,
    "head_width": 32,
    "patch_size": 16,
    "image_size": 64,
}
_POOLED: dict[str, Any] = {**_IMAGE, "attentional_pool": True, "attn_pooler_heads": 2}
_TEXT: dict[str, Any] = {
    "layers": 2,
    "width": 64,
    "heads": 2,
    "vocab_size": 100,
    "context_length": 8,
}


def _towers(**image: Any) -> tuple[nn.Module, tuple[Any, ...]]:
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    module: nn.Module = CLIP(64, CLIPVisionCfg(**image), CLIPTextCfg(**_TEXT))
    return module, (noise(1, 3, 64, 64), words())


def _coca() -> tuple[nn.Module, tuple[Any, ...]]:
    from open_clip.coca_model import CoCa, MultimodalCfg
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg

    module: nn.Module = CoCa(
        64,
        MultimodalCfg(**_TEXT),
        CLIPTextCfg(**_TEXT, embed_cls=True, output_tokens=True),
        CLIPVisionCfg(**_POOLED, output_tokens=True),
    )
    return module, (noise(1, 3, 64, 64), words())


def _resnet() -> tuple[nn.Module, tuple[Any, ...]]:
    from open_clip.modified_resnet import ModifiedResNet

    module: nn.Module = ModifiedResNet([1, 1, 1, 1], 32, 4, 64, 8)
    return module, (noise(1, 3, 64, 64),)


def _custom_text() -> tuple[nn.Module, tuple[Any, ...]]:
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP

    module: nn.Module = CustomTextCLIP(64, CLIPVisionCfg(**_IMAGE), CLIPTextCfg(**_TEXT))
    return module, (noise(1, 3, 64, 64), words())


def open_clip_families() -> Iterator[Family]:
    """One for each way that its towers are built."""
    return families(
        "open_clip",
        {
            "CLIP, ViT": lambda: _towers(**_IMAGE),
            "CLIP, ViT with attention pooling": lambda: _towers(**_POOLED),
            "CLIP, patches dropped": lambda: _towers(**_IMAGE, patch_dropout=0.5),
            "CLIP, text tower apart": _custom_text,
            "CoCa": _coca,
            "ModifiedResNet": _resnet,
        },
    )
