"""Parses the markers of a JPEG (ITU-T T.81, annex B), up to its end and not beyond.

Phones append a video (Motion Photos) or a ZIP, whose bytes can look like markers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In scan data FF is followed by 00 or a restart marker; anything else ends the scan."""

_MARKER = re.compile(rb"\xff[^\x00\xff]")
"""Between them lie padding and bytes that decoders skip."""

_ALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
KINDS = {
    0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical",
    0xCB: "lossless", 0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical",
    0xF7: "JPEG-LS",
}  # fmt: skip
"""Frame types that libjpeg does not decode."""


@dataclass(slots=True)
class Outline:
    """scans: their number. end: offset of the image's end, or None. depth: bits a sample.
    components: 1 grey, 3 colour, 4 CMYK. progressive: whether all coefficients are held while
    decoding. kind: frame type that libjpeg does not decode, or None.
    """

    scans: int = 0
    end: int | None = None
    depth: int = 8
    components: int = 3
    progressive: bool = False
    kind: str | None = None


def markers(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, offset behind it, bytes of padding before it) of each segment up to the image's
    end.
    """
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        padding, at = found.start() - at, found.end()
        marker = data[at - 1]
        yield marker, at, padding
        if marker == 0xD9:
            return
        if marker in _ALONE:
            continue
        at += int.from_bytes(data[at : at + 2], "big")
        if marker == 0xDA:
            following = _NEXT_MARKER.search(data, at)
            if following is None:
                return
            at = following.start()


def outline(data: bytes) -> Outline:
    """For damaged files, as much as can be read."""
    found = Outline()
    for marker, at, _ in markers(data):
        if marker == 0xD9:
            found.end = at
        elif marker in _FRAMES or marker == 0xF7:
            found.depth, found.components = _byte(data, at + 2), _byte(data, at + 7)
            found.progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
            found.kind = KINDS.get(marker)
        elif marker == 0xDA:
            found.scans += 1
    return found


def _byte(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else 0


def about_the_rest(data: bytes, end: int | None) -> list[str]:
    """A note about data after the image's end, if it is more than padding."""
    rest = data[end:] if end is not None else b""
    if not rest.strip(b"\0\xff\r\n "):
        return []
    if b"ftyp" in rest[:4096]:
        what = "a video"
    elif rest.lstrip(b"\0")[:4] == b"PK\x03\x04":
        what = "an archive"
    elif rest[:3] == b"\xff\xd8\xff":
        what = "another picture"
    else:
        what = f"{len(rest):,} bytes"
    return [f"Behind the photo's end the file holds {what}; only the photo was read."]
