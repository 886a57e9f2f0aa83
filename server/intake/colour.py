"""Converts a decoded Pillow image of any mode to (row, column, 3) sRGB with 8 bits a channel.

Pillow's own conversion clips 16-bit grey (everything above 255 becomes white) and drops
transparency onto whatever colour lies underneath, so both are done here. Work is done in strips, so
that a large photo is never copied several times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fovea.server.intake import numbered_colours, profiles
from fovea.server.intake.samples import Range, range_of

Pixels = NDArray[np.uint8]

BACKGROUND = (255, 255, 255)
BACKGROUND_NAME = "white"
LAID = f"Transparent parts were laid on {BACKGROUND_NAME}."

STRIP_PIXELS = 1 << 19
"""Pixels processed at a time, as floats or 32-bit integers."""

WIDE_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
ALPHA_MODES = ("RGBA", "LA", "La", "PA", "RGBa")


def to_srgb(image: Image.Image, target: Pixels, notes: list[str]) -> None:
    """Fills `target`, (row, column, 3); `notes` receives what was done besides converting.

    `target` may be a rotated view. image: its `info` may contain what `numbered_colours.of` uses.
    """
    image.load()
    convert = _wide(image, notes) if image.mode in WIDE_MODES else _narrow(image, notes)
    width, height = image.size
    transparent = False
    for top, bottom in strips(width, height):
        rgb, opacity = convert(image.crop((0, top, width, bottom)))
        if opacity is not None and opacity.min() < 255:
            transparent = True
            rgb = _lay_on_background(rgb, opacity)
        target[top:bottom] = rgb
    if transparent:
        notes.append(LAID)


def strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    """(first row, end row) of strips that are quick to copy."""
    rows = max(1, STRIP_PIXELS // max(width, 1))
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


Convert = Callable[[Image.Image], tuple[Pixels, Pixels | None]]
"""Strip → ((row, column, 3) in sRGB, opacity (row, column) or None)."""


def _wide(image: Image.Image, notes: list[str]) -> Convert:
    """Grey of more than 8 bits → 8 bits, with full scale mapped to full scale."""
    within = _range_of(image, notes)
    transparent = image.info.get("transparency")
    cms, colours = _colours(image.info, "L", notes, levels=65536)
    table = None if colours is None else colours.table()

    def convert(strip: Image.Image) -> tuple[Pixels, Pixels | None]:
        values = np.asarray(strip)
        levels = within.levels(values, 255 if table is None else 65535)
        grey = levels.astype(np.uint8) if table is None else table[levels]
        opacity = None
        if isinstance(transparent, int):
            opacity = np.where(values == transparent, np.uint8(0), np.uint8(255))
        if cms is not None:
            return np.asarray(cms(Image.fromarray(grey))), opacity
        return np.repeat(grey[:, :, None], 3, axis=2), opacity

    return convert


def _range_of(image: Image.Image, notes: list[str]) -> Range:
    """The sample values of black and white. TIFF tags say more about them than Pillow uses."""
    tags: Any = getattr(image, "tag_v2", {})
    values = (
        np.asarray(image.crop((0, top, image.width, bottom))) for top, bottom in strips(*image.size)
    )
    bits = tags.get(258, (16,))[0] if tags else 16
    kind = np.asarray(image.crop((0, 0, 1, 1))).dtype.kind
    largest = (tags.get(281) or (None,))[0] if tags else None
    return range_of(
        values, kind, bits, notes, largest=largest, inverted=bool(tags) and tags.get(262) == 0
    )


def _narrow(image: Image.Image, notes: list[str]) -> Convert:
    """8 bits a channel or fewer, with or without a palette or transparency."""
    has_alpha = image.mode in ALPHA_MODES or "transparency" in image.info
    if has_alpha:
        mode = "RGB"
    elif image.mode in profiles.SPACES:
        mode = image.mode
    else:
        mode = "L" if image.mode == "1" else "RGB"
    cms, colours = _colours(image.info, mode, notes)

    def convert(strip: Image.Image) -> tuple[Pixels, Pixels | None]:
        opacity = None
        if has_alpha:
            strip = strip.convert("RGBA")
            opacity = np.asarray(strip.getchannel("A"))
        if strip.mode != mode:
            strip = strip.convert(mode)
        rgb = np.asarray(cms(strip) if cms is not None else strip.convert("RGB"))
        return (rgb if colours is None else colours.applied(rgb)), opacity

    return convert


def _colours(
    info: Any, mode: str, notes: list[str], levels: int = 256
) -> tuple[profiles.Convert | None, numbered_colours.Colours | None]:
    """(ICC conversion, numbered colour conversion): at most one of them is set."""
    if numbered_colours.heeds_cicp(info) or (not info.get("icc_profile") and mode != "LAB"):
        return None, numbered_colours.of(info, notes, levels)
    if "cicp" in info:
        numbered_colours.of(info, notes, levels)  # notes why it is not used
    return profiles.conversion(info.get("icc_profile"), mode, notes), None


def _lay_on_background(rgb: Pixels, alpha: Pixels) -> Pixels:
    opacity = alpha[:, :, None].astype(np.uint32)
    blended = rgb * opacity + np.asarray(BACKGROUND, dtype=np.uint32) * (255 - opacity)
    return ((blended + 127) // 255).astype(np.uint8)
