"""Estimates the memory of decoding a photo from its header."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from fovea.server.intake import containers, jpeg, png, tiff
from fovea.server.intake.colour import STRIP_PIXELS
from fovea.server.intake.floods import check_parts

PHOTO = 3
"""Bytes per pixel of the photo itself: red, green and blue."""

STRIP = 64
"""Bytes per pixel of the current strip: several copies of three channels in floats."""

PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes per pixel of a Pillow image, by mode; four for all others, whatever their channels."""


@dataclass(frozen=True, slots=True)
class Cost:
    """pixels: of the image. bytes_a_pixel: at the peak, intermediate copies included."""

    pixels: int
    bytes_a_pixel: int
    file_bytes: int

    @property
    def total(self) -> int:
        strip = min(self.pixels, STRIP_PIXELS) * STRIP
        return self.pixels * self.bytes_a_pixel + strip + self.file_bytes


def decoding_bytes(data: bytes) -> int:
    """Upper bound on the memory that `imaging.decode` takes for this file, besides the file itself.

    Reads the header only; 0 for bytes that are not a photo or have a damaged header.
    """
    found = of(data)
    return 0 if found is None else found.total


def of(data: bytes) -> Cost | None:
    """None for bytes that are not a photo or have a damaged header."""
    try:
        return _cost(data)
    except Exception:  # as in imaging: damaged headers raise anything
        return None


def _cost(data: bytes) -> Cost | None:
    kind = containers.sniff(data)
    if kind is None or kind not in containers.accepted():
        return None
    check_parts(data, kind)
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
        # A two-byte coefficient for each sample is held until the last scan.
        more = 2 * found.components if found.progressive else 0
    elif kind == "GIF":
        more = 8  # the frame, and the canvas it is composed on
    elif kind == "WEBP":
        more = 8  # the decoder's canvas, and the bytes that it returns
    elif kind in ("AVIF", containers.HEIF):
        more = 12  # luma and chroma of up to 16 bits; the bytes returned
    return Cost(pixels, PHOTO + kept + more, file_bytes + len(data))


def _of_tiff(data: bytes) -> Cost | None:
    head = tiff.header(data)
    if (inside := tiff.preview(data, head)) is not None and head.of_a_raw_photo:
        return _cost(inside)
    pixels = head.width * head.height
    stored = -(-head.bands * head.bits // 8)
    if tiff.is_for_pillow(head):
        # Pillow's image, and a strip of the file, which may be all of it.
        return Cost(pixels, PHOTO + 4 + stored, len(data))
    # The samples of libtiff and numpy, the 8-bit image, and the photo.
    return Cost(pixels, 2 * stored + 2 * min(head.bands, 4) + PHOTO, 2 * len(data))
