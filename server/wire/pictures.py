"""Pixels → the bytes of a picture: assembled a strip at a time, so that a large one is in memory
once, and encoded as PNG (exact), JPEG or WebP (small, and quick where the picture is large).
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
"""What every picture can be had as; the first where the client does not care."""

STRIP_ROWS = 256
WIDEST_PX = 8192
"""The most that a client may ask for with `?width=`."""

FAST_COMPRESSION = 1
"""zlib level: level 6 takes five times as long for a tenth less."""
JPEG_QUALITY = 95
WEBP_QUALITY = 85
WEBP_EFFORT = 0
"""Of 6: each step takes half as long again for a few percent less."""


def strips(rows: int) -> Iterator[slice]:
    """All rows in slices; between two of them a drawing that nobody waits for ends."""
    for top in range(0, rows, STRIP_ROWS):
        check()
        yield slice(top, min(rows, top + STRIP_ROWS))


def assembled(width: int, height: int, parts: Iterable[Image.Image]) -> Image.Image:
    """Strips of the full width, one below the other."""
    whole, top = Image.new("RGB", (width, height)), 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def size_at(width: int, height: int, wanted: int | None) -> tuple[int, int]:
    """(width, height) in the same proportions at the width that is wanted; never enlarged."""
    if wanted is None or wanted >= width:
        return width, height
    return wanted, max(1, round(height * wanted / width))


def shrunk(photo: Pixels, width: int, height: int, rows: slice) -> Image.Image:
    """Some rows of the photo at another size: each pixel the mean of the area that it covers."""
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
    """sentence, legend: written into the file where its format has a place for words: into the text
    chunks of a PNG, the comment of a JPEG.
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
