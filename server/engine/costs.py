"""What work on a photo takes in memory at its peak, told before it is begun.

Bytes a pixel, measured with benchmarks/work_memory.py and rounded up: the copies that Pillow, numpy
and the encoders make of a picture while they work on it.
"""

from __future__ import annotations

import io

from PIL import Image

from fovea.server.intake.containers import FORMATS, sniff

PLAIN = 14
"""Decoding RGB, grey or CMYK: the decoder's picture, the converted one, the array, its digest."""

WIDE = 32
"""Decoding more than 8 bits of grey: floats between."""

TRANSPARENT = 28
"""Decoding what is laid on a background: its colours and its opacity apart, and what they give."""

DRAWN = 9
"""Drawing over a whole photo and encoding it: the picture and the file."""

WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""As in intake/colour.py."""


def decoding(data: bytes, max_pixels: int) -> int:
    """By the file's header; 0 where `decode` will refuse it: no header that is understood, or more
    pixels than are decoded.
    """
    file_format = sniff(data)
    if file_format is None or file_format not in FORMATS:
        return 0
    try:
        with Image.open(io.BytesIO(data), formats=[file_format]) as image:
            width, height = image.size
            mode = image.mode
            transparent = "A" in mode or "a" in mode or "transparency" in image.info
    except Exception:  # As many kinds as Pillow has formats; `decode` turns them into problems.
        return 0
    if width * height > max_pixels:
        return 0
    each = WIDE if mode in WIDE_MODES else TRANSPARENT if transparent else PLAIN
    return width * height * each


def drawing(width: int, height: int) -> int:
    """A picture of this size, drawn in strips over a photo and encoded."""
    return width * height * DRAWN
