"""The colour space that an AVIF or HEIC gives in numbers: its `colr` box of kind `nclx`
(ISO/IEC 14496-12, 12.1.5), which decoders leave to those who show the picture.
"""

from __future__ import annotations

import struct
from typing import Any

_SEARCHED = 1 << 16
"""The box stands in the file's head, before the pixels."""


def colours(data: bytes) -> dict[str, Any]:
    """`cicp`, four numbers as PNG has them, where the file has the box. The decoder has dealt with
    matrix and range by the time that there are pixels of red, green and blue.
    """
    at = data.find(b"colrnclx", 0, _SEARCHED)
    if at < 0 or len(data) < at + 12:
        return {}
    primaries, transfer = struct.unpack_from(">HH", data, at + 8)
    return {"cicp": (primaries, transfer, 0, 1)}
