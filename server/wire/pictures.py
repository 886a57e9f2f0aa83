"""Encodes pictures as PNG (exact), JPEG or WebP (small and fast), assembled strip by strip so that
a large one is in memory once.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fovea.models.tracing.stopping import check
from fovea.server.wire.negotiation import JPEG, PNG, WEBP

Pixels = NDArray[np.uint8]

PICTURES = (PNG, JPEG, WEBP)
"""Formats of every picture; the first is the default."""

STRIP_ROWS = 256
WIDEST_PX = 8192
"""Maximum of `?width=`."""

FAST_COMPRESSION = 1
"""zlib level: level 6 takes five times as long for a tenth fewer bytes."""
JPEG_QUALITY = 95
WEBP_QUALITY = 85
WEBP_EFFORT = 0
"""WebP method, of 0…6: each step takes half as long again for a few percent fewer bytes."""


def strips(rows: int) -> Iterator[slice]:
    """All rows in slices; cancellation is checked between two of them."""
    for top in range(0, rows, STRIP_ROWS):
        check()
        yield slice(top, min(rows, top + STRIP_ROWS))


def assembled(width: int, height: int, parts: Iterable[Image.Image]) -> Image.Image:
    """Strips of full width, stacked vertically."""
    whole, top = Image.new("RGB", (width, height)), 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def size_at(width: int, height: int, wanted: int | None) -> tuple[int, int]:
    """(width, height) scaled to the requested width; never enlarged."""
    if wanted is None or wanted >= width:
        return width, height
    return wanted, max(1, round(height * wanted / width))


def shrunk(photo: Pixels, width: int, height: int, rows: slice) -> Image.Image:
    """Rows of the photo at another size: each pixel is the mean of the area that it covers."""
    full_height, full_width = photo.shape[:2]
    if (width, height) == (full_width, full_height):
        return Image.fromarray(photo[rows])
    share = full_height / height
    top, bottom = rows.start * share, min(full_height, rows.stop * share)
    first, last = int(top), min(full_height, int(np.ceil(bottom)))
    return Image.fromarray(photo[first:last]).resize(
        (width, rows.stop - rows.start),
        Image.Resampling.BOX,
        box=(0, top - first, full_width, bottom - first),
    )


def encoded(
    image: Image.Image, media: str = PNG, sentence: str | None = None, legend: str | None = None
) -> bytes:
    """sentence, legend: embedded where the format allows: in text chunks of PNG, in a JPEG
    comment.
    """
    buffer = io.BytesIO()
    words = {"Description": sentence, "Comment": legend}
    if media == JPEG:
        told = "\n".join(filter(None, words.values())).encode()
        image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4", comment=told)
    elif media == WEBP:
        image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=WEBP_EFFORT)
    else:
        text = PngInfo()
        for name, value in words.items():
            if value is not None:
                text.add_itxt(name, value)
        image.save(buffer, "PNG", compress_level=FAST_COMPRESSION, pnginfo=text)
    return buffer.getvalue()
