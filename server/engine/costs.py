"""Estimates the peak memory of work on a photo before it starts.

Upper bounds in bytes per pixel, counted from the copies that Pillow, numpy and the encoders make.
No benchmark of the repository measures them.
"""

from __future__ import annotations

from fovea.server.intake import cost

DRAWN = 9
"""Drawing over a whole photo and encoding it: the picture plus the file."""


def decoding(data: bytes, max_pixels: int, kept: bool = False) -> int:
    """From the file's header; 0 if `decode` will refuse the file (unreadable header, too many
    pixels). kept: the photo is also written to the photo store.
    """
    found = cost.of(data)
    if found is None or found.pixels > max_pixels:
        return 0
    upright = found.pixels * cost.PHOTO
    return max(found.total, upright + keeping(upright)) if kept else found.total


def keeping(nbytes: int) -> int:
    """Encoding a photo of that many bytes for the photo store, not counting the photo itself."""
    return nbytes * DRAWN // cost.PHOTO


def drawing(width: int, height: int) -> int:
    """Drawing a picture of this size over a photo, strip by strip, and encoding it."""
    return width * height * DRAWN
