"""A transformers image processor's file (preprocessor_config.json) in this project's own words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

RESAMPLINGS = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, which the files use."""


CONVNEXT_SQUASHES_FROM_PX = 384
"""ConvNeXt's processor enlarges a photo and cuts the centre out, but below this size only."""


def keys_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What would stand in [preprocessing] of a model's TOML file (docs/models-folder.md).

    Raises ValueError for what cannot be said there, and KeyError, TypeError or AttributeError for
    what is no such file.
    """
    size, crop = _sides(config["size"]), config.get("crop_size")
    if not config.get("do_resize", True):
        raise ValueError("it does not resize the photo")
    found: dict[str, Any] = {"interpolation": _interpolation(config)}
    if config.get("do_center_crop", False):
        if len(size) == 2:
            raise ValueError("it squashes the photo before it cuts the centre out")
        found |= {"size": _both(_sides(crop)), "resize": size[0], "crop": "centre"}
    elif len(size) == 2:
        found |= {"size": list(size), "crop": "squash"}
    elif "crop_pct" not in config:
        found |= {"size": _both(size), "crop": "centre"}
    elif size[0] < CONVNEXT_SQUASHES_FROM_PX:
        enlarged = math.floor(size[0] / (config["crop_pct"] or 224 / 256))
        found |= {"size": _both(size), "resize": enlarged, "crop": "centre"}
    else:
        found |= {"size": _both(size), "crop": "squash"}
    return found | _normalisation(config)


def _interpolation(config: Mapping[str, Any]) -> str:
    number = config.get("resample", 2)
    if number not in RESAMPLINGS:
        raise ValueError(f"resample is {number}; only 2 (bilinear) and 3 (bicubic) are done here")
    return RESAMPLINGS[number]


def _normalisation(config: Mapping[str, Any]) -> dict[str, Any]:
    factor = config.get("rescale_factor", 1 / 255)
    if not config.get("do_rescale", True) or abs(factor * 255 - 1) > 1e-3:
        raise ValueError("its values are not brought to 0…1")
    if not config.get("do_normalize", True):
        return {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}
    return {"mean": list(config["image_mean"]), "std": list(config["image_std"])}


def _sides(size: Any) -> tuple[int, ...]:
    """(height, width), or one number for the short side."""
    if isinstance(size, int):
        return (size,)
    if "shortest_edge" in size:
        return (int(size["shortest_edge"]),)
    return int(size["height"]), int(size["width"])


def _both(sides: tuple[int, ...]) -> list[int]:
    return list(sides) if len(sides) == 2 else [sides[0], sides[0]]
