"""The networks of vit-pytorch (Phil Wang, MIT)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

from torch import nn

from benchmarks.coverage.families import Family
from benchmarks.coverage.small.building import Builder, families, noise

_BODY: dict[str, Any] = {"dim": 32, "depth": 2, "heads": 2, "mlp_dim": 32, "num_classes": 5}
_VIT: dict[str, Any] = {**_BODY, "image_size": 64, "patch_size": 16}
_STAGES: dict[str, Any] = {"num_classes": 5, "depth": (1, 1, 1, 1)}
_VIDEO: dict[str, Any] = {
    **{name: value for name, value in _BODY.items() if name != "depth"},
    "image_size": 64,
    "image_patch_size": 16,
    "frames": 4,
    "frame_patch_size": 2,
}


def _network(module: str, name: str, settings: dict[str, Any]) -> nn.Module:
    kind: Callable[..., nn.Module] = getattr(import_module(f"vit_pytorch.{module}"), name)
    return kind(**settings)


def _build(row: str, settings: dict[str, Any], *inputs: Any) -> tuple[nn.Module, tuple[Any, ...]]:
    module, _, name = row.partition(" ")
    return _network(module, name, settings), inputs or (noise(1, 3, 64, 64),)


def _of_stages(*names: str, first: Any, **rest: Any) -> dict[str, Any]:
    """Settings of a network of four stages: those of the first one, then those of the others."""
    found: dict[str, Any] = {}
    for stage in range(1, 5):
        for name in names:
            value = first[name] if stage == 1 else rest[name]
            found[f"s{stage}_{name}"] = value
    return found


_TWINS = _of_stages(
    *("emb_dim", "patch_size", "local_patch_size", "global_k", "depth"),
    first={"emb_dim": 16, "patch_size": 4, "local_patch_size": 4, "global_k": 4, "depth": 1},
    emb_dim=32,
    patch_size=2,
    local_patch_size=2,
    global_k=2,
    depth=1,
)
_CVT = {
    f"s{stage}_{name}": value
    for stage, width in ((1, 16), (2, 32), (3, 32))
    for name, value in {"emb_dim": width, "heads": width // 16, "depth": 1}.items()
}
_CROSS = {
    f"{size}_{name}": value
    for size, side in (("sm", 8), ("lg", 16))
    for name, value in {
        "dim": 32,
        "patch_size": side,
        "enc_depth": 1,
        "enc_heads": 2,
        "enc_mlp_dim": 32,
    }.items()
}
_CCT: dict[str, Any] = {
    "embedding_dim": 32,
    "n_conv_layers": 2,
    "num_layers": 2,
    "num_heads": 2,
    "mlp_ratio": 1.0,
    "num_classes": 5,
    "img_size": 64,
    "positional_embedding": "learnable",
}


_SAME = (
    *("vit ViT", "simple_vit SimpleViT", "deepvit DeepViT"),
    *("vit_for_small_dataset ViT", "simple_vit_with_register_tokens SimpleViT"),
    *("simple_flash_attn_vit SimpleViT", "simple_vit_with_qk_norm SimpleViT"),
    *("learnable_memory_vit ViT", "normalized_vit nViT", "simple_uvit SimpleUViT", "vit_5 ViT"),
    *("simple_vit_with_value_residual SimpleViT", "jumbo_vit JumboViT", "rvt RvT"),
    *("vit_with_keel_post_ln ViT", "simple_vit_with_relative_proj_pos_bias SimpleViT"),
    *("simple_vit_with_specialized_cls SimpleViT", "vit_with_patch_dropout ViT"),
)
"""Those that take what a ViT takes."""

_ROWS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "jet_vit JetViT": ({**_VIT, "dim_head": 16}, ()),
    "parallel_vit ViT": ({**_VIT, "num_parallel_branches": 2}, ()),
    "cait CaiT": ({**_VIT, "cls_depth": 1}, ()),
    "xcit XCiT": ({**_VIT, "cls_depth": 1}, ()),
    "t2t T2TViT": (
        {
            **{name: value for name, value in _VIT.items() if name != "patch_size"},
            "t2t_layers": ((7, 4), (3, 2), (3, 2)),
        },
        (),
    ),
    "cct CCT": (_CCT, ()),
    "cct_3d CCT": (
        {**_CCT, "num_frames": 4, "frame_kernel_size": 3},
        (noise(1, 3, 4, 64, 64),),
    ),
    "cross_vit CrossViT": (
        {
            "image_size": 64,
            "num_classes": 5,
            "depth": 1,
            "cross_attn_depth": 1,
            "cross_attn_heads": 2,
            **_CROSS,
        },
        (),
    ),
    "pit PiT": ({**_VIT, "depth": (1, 1)}, ()),
    "levit LeViT": (
        {
            "image_size": 64,
            "num_classes": 5,
            "stages": 2,
            "dim": (32, 48),
            "depth": 1,
            "heads": (2, 3),
            "mlp_mult": 2,
        },
        (),
    ),
    "cvt CvT": ({"num_classes": 5, **_CVT}, ()),
    "twins_svt TwinsSVT": ({"num_classes": 5, **_TWINS}, (noise(1, 3, 128, 128),)),
    "regionvit RegionViT": (
        {**_STAGES, "dim": (16, 32, 32, 32), "window_size": 4},
        (noise(1, 3, 128, 128),),
    ),
    "crossformer CrossFormer": (
        {
            **_STAGES,
            "dim": (64, 64, 64, 64),
            "global_window_size": (4, 2, 2, 1),
            "local_window_size": 4,
        },
        (noise(1, 3, 128, 128),),
    ),
    "scalable_vit ScalableViT": (
        {
            **_STAGES,
            "dim": 16,
            "heads": (2, 2, 2, 2),
            "ssa_dim_key": (8, 8, 8, 8),
            "reduction_factor": (4, 2, 2, 1),
            "window_size": (16, 8, 4, None),
        },
        (noise(1, 3, 128, 128),),
    ),
    "sep_vit SepViT": (
        {"num_classes": 5, "dim": 16, "dim_head": 8, "heads": (1, 2), "depth": (1, 1)},
        (noise(1, 3, 56, 56),),
    ),
    "max_vit MaxViT": (
        {
            "num_classes": 5,
            "dim_conv_stem": 16,
            "dim": 16,
            "dim_head": 8,
            "depth": (1, 1),
            "window_size": 4,
        },
        (),
    ),
    "max_vit_with_registers MaxViT": (
        {
            "num_classes": 5,
            "dim_conv_stem": 16,
            "dim": 16,
            "dim_head": 8,
            "depth": (1, 1),
            "window_size": 4,
        },
        (),
    ),
    "mobile_vit MobileViT": (
        {
            "image_size": (64, 64),
            "dims": [24, 32, 32],
            "num_classes": 5,
            "channels": [8, 8, 16, 16, 24, 24, 32, 32, 48, 48, 64],
        },
        (),
    ),
    "nest NesT": (
        {
            "image_size": 64,
            "patch_size": 4,
            "dim": 16,
            "heads": 2,
            "num_hierarchies": 2,
            "block_repeats": (1, 1),
            "num_classes": 5,
        },
        (),
    ),
    "ats_vit ViT": ({**_VIT, "max_tokens_per_depth": (14, 10)}, ()),
    "vit_with_patch_merger ViT": (
        {**_VIT, "depth": 3, "patch_merge_layer": 1, "patch_merge_num_tokens": 4},
        (),
    ),
    "simple_vit_with_fft SimpleViT": ({**_VIT, "freq_patch_size": 16}, ()),
    "look_vit LookViT": (
        {
            "dim": 32,
            "image_size": 64,
            "num_classes": 5,
            "depth": 2,
            "patch_size": 16,
            "heads": 2,
            "highres_patch_size": 8,
            "cross_attn_heads": 2,
        },
        (),
    ),
    "looped_vit LoopedViT": (
        {
            **_VIT,
            "pre_loop_depth": 1,
            "num_looped_blocks": 1,
            "post_loop_depth": 1,
            "loop_depth": 2,
            "depth": None,
        },
        (),
    ),
    "vit_3d ViT": ({**_VIDEO, "depth": 1}, (noise(1, 3, 4, 64, 64),)),
    "vivit ViViT": (
        {**_VIDEO, "spatial_depth": 1, "temporal_depth": 1},
        (noise(1, 3, 4, 64, 64),),
    ),
    "vit_nd ViTND": (
        {
            **_BODY,
            "ndim": 3,
            "input_shape": (4, 32, 32),
            "patch_size": (2, 8, 8),
        },
        (noise(1, 3, 4, 32, 32),),
    ),
    "vit_1d ViT": ({**_BODY, "seq_len": 64, "patch_size": 8}, (noise(1, 3, 64),)),
    "na_vit NaViT": (_VIT, ([[noise(3, 64, 48), noise(3, 32, 64)]],)),
    "na_vit_nested_tensor NaViT": (_VIT, ([noise(3, 64, 48), noise(3, 32, 64)],)),
}


def _without_none(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


_BUILDERS: dict[str, Builder] = {
    **{row: partial(_build, row, _VIT) for row in _SAME},
    **{
        row: partial(_build, row, _without_none(settings), *inputs)
        for row, (settings, inputs) in _ROWS.items()
    },
}


def vit_pytorch_families() -> Iterator[Family]:
    """Those that can be built without another network's weights."""
    return families("vit_pytorch", _BUILDERS)
