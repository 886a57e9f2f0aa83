"""What decoding a photo takes, known from its header, before it is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from fovea.server.intake import containers, jpeg, png, tiff
from fovea.server.intake.colour import STRIP_PIXELS

PHOTO = 3
"""Bytes a pixel of the photo itself: red, green and blue."""

STRIP = 64
"""Bytes a pixel of the strip that is worked on: floats of three channels, a few times over."""

PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes a pixel as Pillow keeps it, by mode; four of all others, three channels or not."""


@dataclass(frozen=True, slots=True)
class Cost:
    """pixels: of the picture. bytes_a_pixel: at the peak, intermediate copies included."""

    pixels: int
    bytes_a_pixel: int
    file_bytes: int

    @property
    def total(self) -> int:
        strip = min(self.pixels, STRIP_PIXELS) * STRIP
        return self.pixels * self.bytes_a_pixel + strip + self.file_bytes


def decoding_bytes(data: bytes) -> int:
    """At most so much memory `imaging.decode` takes for this file at its peak, beside the file.

    Looks at the header only; 0 for bytes that are no photo, or whose header is damaged.
    """
    found = of(data)
    return 0 if found is None else found.total


def of(data: bytes) -> Cost | None:
    """None for bytes that are no photo, or whose header is damaged."""
    try:
        return _cost(data)
    except Exception:  # As in imaging: damaged headers raise anything.
        return None


def _cost(data: bytes) -> Cost | None:
    kind = containers.sniff(data)
    if kind is None or kind not in containers.accepted():
        return None
    if kind == "TIFF":
        return _of_tiff(data)
    file_bytes = 0
    if kind == "PNG":
        aside = png.set_aside(data)
        file_bytes = 0 if aside.data is data else len(data)
        data = aside.data
    with Image.open(io.BytesIO(containers.for_pillow(data, kind)), formats=[kind]) as image:
        pixels, kept = image.width * image.height, PER_PIXEL.get(image.mode, 4)
    more = 0
    if kind == "JPEG":
        found = jpeg.outline(data)
        # A coefficient of two bytes for each sample is held until the last scan.
        more = 2 * found.components if found.progressive else 0
    elif kind == "GIF":
        more = 8  # The frame, and the canvas that it is laid on.
    elif kind == "WEBP":
        more = 8  # The decoder's canvas, and the bytes that it hands over.
    elif kind in ("AVIF", containers.HEIF):
        more = 12  # Brightness and colour of up to 16 bits; the bytes handed over.
    return Cost(pixels, PHOTO + kept + more, file_bytes + len(data))


def _of_tiff(data: bytes) -> Cost | None:
    head = tiff.header(data)
    if (inside := tiff.preview(data, head)) is not None and head.of_a_raw_photo:
        return _cost(inside)
    pixels = head.width * head.height
    stored = -(-head.bands * head.bits // 8)
    if tiff.is_for_pillow(head):
        # Pillow's picture, and a strip of the file, which may be all of it.
        return Cost(pixels, PHOTO + 4 + stored, len(data))
    # The samples as libtiff and as numpy have them, the picture of 8 bits, and the photo.
    return Cost(pixels, 2 * stored + 2 * min(head.bands, 4) + PHOTO, 2 * len(data))
