"""A decoded Pillow image of any mode → (row, column, 3) sRGB, 8 bits a channel.

Pillow's own conversion clips 16-bit grey (everything above 255 becomes white) and drops
transparency onto whatever colour lies underneath, so both are done here.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]

BACKGROUND = (255, 255, 255)
BACKGROUND_NAME = "white"

STRIP_ROWS = 256
"""Rows that are worked on at a time where that takes more memory than the picture."""

WIDE_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
PROFILED_MODES = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY", "LAB": "LAB"}


def to_srgb(image: Image.Image, notes: list[str]) -> Pixels:
    """(row, column, 3); what was done beyond a plain conversion is added to `notes`."""
    if image.mode in WIDE_MODES:
        grey = _narrow(image, notes)
        return np.repeat(grey[:, :, None], 3, axis=2)
    image, alpha = _split_alpha(image)
    rgb = np.asarray(_apply_profile(image, notes))
    if alpha is None or alpha.min() == 255:
        return rgb
    notes.append(f"Transparent parts were laid on {BACKGROUND_NAME}.")
    return _lay_on_background(rgb, alpha)


def _narrow(image: Image.Image, notes: list[str]) -> Pixels:
    """More than 8 bits of grey → 8 bits, scaled: full scale stays full scale."""
    values = np.asarray(image)
    if values.dtype.kind == "u":
        grey = _scale(values, 65535)
        transparent = image.info.get("transparency")
        if isinstance(transparent, int) and (values == transparent).any():
            notes.append(f"Transparent parts were laid on {BACKGROUND_NAME}.")
            grey = np.where(values == transparent, np.uint8(255), grey)
        return grey
    finite = np.isfinite(values)
    if not finite.all():
        notes.append("Pixels that are not numbers were made black.")
        values = np.where(finite, values, 0)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535 or (image.mode == "F" and high > 1):
        notes.append(f"Brightness {low:g} to {high:g} was scaled to black and white.")
        return _scale(values - low, (high - low) or 1)
    return _scale(values, 1 if image.mode == "F" else 65535)


def _scale(values: NDArray[Any], full: float) -> Pixels:
    scaled: Pixels = np.rint(values * (255 / full)).astype(np.uint8)
    return scaled


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Pixels | None]:
    """(the colours in a mode that profiles know, the opacity (row, column) if there is any)."""
    has_alpha = image.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in image.info
    if has_alpha:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        return _with_profile_of(image, image.convert("RGB")), alpha
    if image.mode in PROFILED_MODES:
        return image, None
    plain = image.convert("L" if image.mode == "1" else "RGB")
    return _with_profile_of(image, plain), None


def _with_profile_of(source: Image.Image, image: Image.Image) -> Image.Image:
    if profile := source.info.get("icc_profile"):
        image.info["icc_profile"] = profile
    return image


def _apply_profile(image: Image.Image, notes: list[str]) -> Image.Image:
    """RGB, from the picture's own colour space where it carries one."""
    embedded = image.info.get("icc_profile")
    source: ImageCms.ImageCmsProfile | None = None
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif embedded:
        source = _read_profile(embedded, image.mode, notes)
    if source is None:
        return image.convert("RGB")
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    if image.mode == "RGB" and _changes_nothing(transform):
        return image
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


def _read_profile(embedded: bytes, mode: str, notes: list[str]) -> ImageCms.ImageCmsProfile | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        space = profile.profile.xcolor_space.strip()
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        notes.append("The colour profile is damaged and was ignored.")
        return None
    if space != PROFILED_MODES[mode]:
        notes.append(f"The colour profile is for {space} and was ignored.")
        return None
    return profile


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a cube of colours stays within one level: most profiles are sRGB by another name."""
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    converted = ImageCms.applyTransform(Image.fromarray(cube), transform)
    return bool(np.abs(np.asarray(converted).astype(int) - cube.astype(int)).max() <= 1)


def _lay_on_background(rgb: Pixels, alpha: Pixels) -> Pixels:
    """A strip at a time: what is added up takes four times the memory of what comes of it."""
    blended = np.empty_like(rgb)
    for top in range(0, len(rgb), STRIP_ROWS):
        strip = np.s_[top : top + STRIP_ROWS]
        opacity = alpha[strip, :, None].astype(np.uint32)
        mixed = rgb[strip] * opacity + np.asarray(BACKGROUND, dtype=np.uint32) * (255 - opacity)
        blended[strip] = (mixed + 127) // 255
    return blended
