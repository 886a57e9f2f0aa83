"""Converts a transformers preprocessor_config.json to this project's settings.

Every key is either used or refused by name: an ignored one would change the network's input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fovea.models.preprocessing import INTERPOLATIONS

RESAMPLINGS = dict(zip((0, 1, 2, 3, 4, 5), ("nearest", "lanczos", "bilinear", "bicubic", "box",
                                            "hamming"), strict=True))  # fmt: skip
"""Pillow's filter numbers, as used in the files."""

assert set(RESAMPLINGS.values()) == set(INTERPOLATIONS)

SQUASHES_FROM_PX = 384
"""ConvNeXt's processor resizes and centre-crops, but only below this size."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "levit": {"do_center_crop": True, "resample": 3, "crop_size": 224},
    "poolformer": {"do_center_crop": True, "resample": 3, "crop_size": 224, "crop_pct": 0.9},
    "convnext": {"crop_pct": 224 / 256, "resample": 3},
    "efficientnet": {"include_top": True, "resample": 3},
    "mobilevit": {
        "do_center_crop": True, "resample": 3, "crop_size": 256, "do_normalize": False,
        "do_flip_channel_order": True,
    },
    "bit": {"do_center_crop": True, "resample": 3, "crop_size": 224},
    "clip": {"do_center_crop": True, "resample": 3, "crop_size": 224},
    "deit": {"do_center_crop": True, "resample": 3, "crop_size": 224},
    "dpt": {"resample": 3},
}  # fmt: skip
"""Defaults of processors, by the lower-case beginning of their name."""

OF_THE_SHORT_SIDE = ("levit", "poolformer", "convnext", "mobilevit", "bit", "clip", "mobilenet",
                     "chinese", "dinov2", "siglip2")  # fmt: skip
"""Processors for which a single number is the short side; for all others it is both sides."""

NEUTRAL = {
    "image_processor_type", "feature_extractor_type", "processor_class", "_processor_class",
    "data_format", "input_data_format", "return_tensors", "device", "disable_grouping",
    "do_convert_rgb", "do_reduce_labels", "reduce_labels", "num_labels", "image_seq_length",
    "transformers_version", "_valid_processor_keys", "model_input_names", "backend",
}  # fmt: skip
"""Keys that do not affect a single photo's input: formats, labels, batches."""

HEEDED = {
    "size", "crop_size", "do_resize", "do_center_crop", "do_rescale", "do_normalize", "resample",
    "rescale_factor", "rescale_offset", "image_mean", "image_std", "crop_pct", "include_top",
    "do_flip_channel_order", "default_to_square", "ensure_multiple_of", "keep_aspect_ratio",
    "do_pad", "pad_size", "size_divisor",
}  # fmt: skip


def keys_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The [preprocessing] table that a model's TOML file would have (docs/models-folder.md).

    Raises ValueError for settings that cannot be expressed there, and KeyError, TypeError or
    AttributeError for other files.
    """
    kind = _kind(config)
    given = {key: value for key, value in config.items() if value is not None}
    given = {**DEFAULTS.get(kind, {}), **given}
    for key, value in given.items():
        if key not in HEEDED | NEUTRAL and value is not False:
            raise ValueError(f"{key} = {value!r} is not known here")
    if given.get("do_pad"):
        raise ValueError("do_pad: it adds a border to the photo")
    return _sizes(given, kind) | {"interpolation": _interpolation(given)} | _values(given)


def _kind(config: Mapping[str, Any]) -> str:
    name = config.get("image_processor_type") or config.get("feature_extractor_type") or ""
    known = (*DEFAULTS, *OF_THE_SHORT_SIDE)
    return next((kind for kind in known if str(name).lower().startswith(kind)), "")


# Size ---------------------------------------------------------------------------------------------


def _sizes(given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """`size`, `resize`, `stretch` and `crop`."""
    if not given.get("do_resize", True):
        raise ValueError("do_resize: it does not resize the photo")
    size = _multiple(_sides(given["size"], _is_square(given, kind)), given)
    if kind == "convnext" or ("crop_pct" in given and kind != "poolformer"):
        if given.get("do_center_crop"):
            raise ValueError("do_center_crop: it crops twice")
        return _of_convnext(size, float(given["crop_pct"]))
    if kind == "poolformer" and len(set(size)) == 1 and "crop_pct" in given:
        size = (int(size[0] / given["crop_pct"]),)
    elif kind == "poolformer" and len(size) == 2 and "crop_pct" in given:
        raise ValueError("size: crop_pct of two sides that differ")
    elif kind == "levit" and len(size) == 1:
        size = (int(256 / 224 * size[0]),)
    if not given.get("do_center_crop", False):
        if len(size) == 1:  # the size varies with the photo's shape; the common middle is used
            return {"size": [size[0], size[0]], "resize": size[0], "crop": "centre-down"}
        return {"size": list(size), "crop": "squash"}
    crop = _sides(given["crop_size"], square=True)
    if crop[0] > size[0] or crop[1] > size[-1]:
        raise ValueError(f"crop_size: {list(crop)} is more than the size of {list(size)}")
    if len(size) == 2:
        return {"size": list(crop), "stretch": list(size), "crop": "centre-down"}
    return {"size": list(crop), "resize": size[0], "crop": "centre-down"}


def _of_convnext(size: tuple[int, ...], crop_pct: float) -> dict[str, Any]:
    if len(set(size)) != 1:
        raise ValueError("size: it is of the short side")
    both = [size[0], size[0]]
    if size[0] >= SQUASHES_FROM_PX:
        return {"size": both, "crop": "squash"}
    return {"size": both, "resize": int(size[0] / crop_pct), "crop": "centre-down"}


def _is_square(given: Mapping[str, Any], kind: str) -> bool:
    """Whether a single number is both sides."""
    return bool(given.get("default_to_square", kind not in OF_THE_SHORT_SIDE))


def _sides(size: Any, square: bool) -> tuple[int, ...]:
    """(height, width), or one number for the short side."""
    if isinstance(size, int):
        return (size, size) if square else (size,)
    if isinstance(size, list | tuple):
        height, width = size
        return int(height), int(width)
    sides = {key: value for key, value in size.items() if value is not None}
    if sides.keys() == {"shortest_edge"}:
        return (int(sides["shortest_edge"]),)
    if sides.keys() == {"height", "width"}:
        return int(sides["height"]), int(sides["width"])
    if not sides:
        raise KeyError("size")
    raise ValueError(
        f"size: {', '.join(sorted(sides))} makes inputs of another size for each photo; a network "
        "has one size here"
    )


def _multiple(size: tuple[int, ...], given: Mapping[str, Any]) -> tuple[int, ...]:
    """DPT's sizes are multiples of a number, and may follow the photo's shape."""
    if given.get("keep_aspect_ratio"):
        raise ValueError("keep_aspect_ratio: it makes inputs of another size for each photo")
    multiple = int(given.get("ensure_multiple_of", 1))
    return tuple(round(side / multiple) * multiple for side in size)


def _interpolation(given: Mapping[str, Any]) -> str:
    number = given.get("resample", 2)
    if number not in RESAMPLINGS:
        raise ValueError(f"resample is {number!r}, which is none of Pillow's (0 to 5)")
    return RESAMPLINGS[number]


# Values -------------------------------------------------------------------------------------------


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """`mean`, `std` and `channels`: (value - mean) / std for values in 0…1, whatever the steps are.

    Rescaling gives gain · value + offset; normalisation is composed with it.
    """
    gain, offset = 255.0, 0.0
    if given.get("do_rescale", True):
        gain = 255 * float(given.get("rescale_factor", 1 / 255))
        offset = -1.0 if given.get("rescale_offset") else 0.0
    channels = 3
    steps: list[tuple[list[float], list[float]]] = []
    if given.get("do_normalize", True):
        means, stds = _three(given["image_mean"]), _three(given["image_std"])
        channels = len(means)
        steps.append((means, stds))
    if given.get("include_top"):
        stds = _three(given["image_std"])
        steps.append(([0.0] * len(stds), stds))
    mean, std = [-offset / gain] * channels, [1 / gain] * channels
    for means, stds in steps:
        mean = [m + s * its for m, s, its in zip(mean, std, means, strict=True)]
        std = [s * its for s, its in zip(std, stds, strict=True)]
    found: dict[str, Any] = {"mean": mean, "std": std}
    if given.get("do_flip_channel_order"):
        found["channels"] = "bgr"
    return found


def _three(numbers: Any) -> list[float]:
    """A single number applies to all channels."""
    return (
        [float(n) for n in numbers] if isinstance(numbers, list | tuple) else [float(numbers)] * 3
    )
