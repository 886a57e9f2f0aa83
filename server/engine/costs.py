"""What work on a photo takes in memory at its peak, told before it is begun.

Bytes a pixel, an upper bound that was counted from the copies: those that Pillow, numpy and the
encoders make of a picture while they work on it. No benchmark of the repository measures it.
"""

from __future__ import annotations

from fovea.server.intake import cost

DRAWN = 9
"""Drawing over a whole photo and encoding it: the picture and the file."""


def decoding(data: bytes, max_pixels: int, kept: bool = False) -> int:
    """By the file's header; 0 where `decode` will refuse it: no header that is understood, or more
    pixels than are decoded. kept: the photo is written to the photo store after that.
    """
    found = cost.of(data)
    if found is None or found.pixels > max_pixels:
        return 0
    upright = found.pixels * cost.PHOTO
    return max(found.total, upright + keeping(upright)) if kept else found.total


def keeping(nbytes: int) -> int:
    """Encoding a photo of so many bytes for the photo store, beside the photo itself."""
    return nbytes * DRAWN // cost.PHOTO


def drawing(width: int, height: int) -> int:
    """A picture of this size, drawn in strips over a photo and encoded."""
    return width * height * DRAWN
