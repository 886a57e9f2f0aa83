"""ICC profiles: read, tried, and ignored with a warning if they cannot be applied."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from fovea.server.intake.png import DAMAGED

SPACES = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY", "LAB": "LAB"}
"""Pillow modes that profiles apply to, and the profiles' names for them."""

Convert = Callable[[Image.Image], Image.Image]


def conversion(embedded: bytes | None, mode: str, notes: list[str]) -> Convert | None:
    """The conversion from this mode to sRGB; None if a plain conversion suffices.

    Embedded profiles that are damaged, for something else, or cannot be applied are ignored.
    """
    if mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif not embedded or mode not in SPACES:
        return None
    else:
        found = _read(embedded, mode, notes)
        if found is None:
            return None
        source = found
    try:
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        cube = _cube(mode)
        converted = _applied(transform, cube)
    except (ImageCms.PyCMSError, ValueError, OSError):
        notes.append("The colour profile cannot be applied (a part of it is missing): ignored.")
        return None
    # Most profiles are sRGB by another name: such pixels stay as they are.
    plain = np.asarray(cube.convert("RGB")).astype(int)
    if mode in ("RGB", "L") and np.abs(np.asarray(converted) - plain).max() <= 1:
        return None
    return lambda image: _applied(transform, image)


def _read(embedded: bytes, mode: str, notes: list[str]) -> ImageCms.ImageCmsProfile | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        space = profile.profile.xcolor_space.strip()
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        notes.append(DAMAGED)
        return None
    if space != SPACES[mode]:
        notes.append(f"The colour profile is for {space} and was ignored.")
        return None
    return profile


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


def _cube(mode: str) -> Image.Image:
    """Colours from all over the space, as an image of this mode."""
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(levels[None])
    channels = 4 if mode == "CMYK" else 3
    cube: NDArray[np.uint8] = np.stack(np.meshgrid(*[levels] * channels), axis=-1)
    flat = np.ascontiguousarray(cube.reshape(1, -1, channels))
    return Image.frombytes(mode, flat.shape[1::-1], flat.tobytes())
