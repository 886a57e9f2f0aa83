"""Coded colour space of an AVIF or HEIC file: its `colr` box of type `nclx` (ISO/IEC 14496-12,
12.1.5), which decoders leave to the viewer.
"""

from __future__ import annotations

import struct
from typing import Any

_SEARCHED = 1 << 16
"""The box is in the file's head, before the pixels."""


def colours(data: bytes) -> dict[str, Any]:
    """`cicp`: four numbers as in PNG, if the file has the box. The decoder has already applied
    matrix and range when it gives RGB pixels.
    """
    at = data.find(b"colrnclx", 0, _SEARCHED)
    if at < 0 or len(data) < at + 12:
        return {}
    primaries, transfer = struct.unpack_from(">HH", data, at + 8)
    return {"cicp": (primaries, transfer, 0, 1)}
