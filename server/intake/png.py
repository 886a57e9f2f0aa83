"""The colour chunks of a PNG, and removal of oversized text.

Chunks as in the PNG Specification, Third Edition (W3C 2025), section 11.3. Pillow refuses the whole
image if a profile or text exceeds a megabyte when decompressed, and ignores cICP; so large ones are
removed before Pillow reads the rest.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from fovea.server.problems import CorruptImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PILLOW_TAKES = 1 << 20
"""Bytes of a decompressed profile or text that Pillow accepts."""

MOST = 16 << 20
"""Maximum decompressed bytes of all texts and the profile; more is a decompression bomb."""

DAMAGED = "The colour profile is damaged and was ignored."
TOO_LARGE = f"The colour profile is larger than {MOST >> 20} MB and was ignored."


@dataclass(slots=True)
class Extracted:
    """data: the file as Pillow can read it. info: colours that Pillow would not report, under
    Pillow's names (`cicp` is ours: four numbers). notes: for the user.
    """

    data: bytes
    info: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of its body, end of its body) of each complete chunk."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return
        yield name, at + 8, at + 8 + length
        if name == b"IEND":
            return
        at += 12 + length


def set_aside(data: bytes) -> Extracted:
    """Raises CorruptImage for a decompression bomb."""
    found = Extracted(data)
    kept, start, grown = [], 0, 0
    for name, body, end in chunks(data):
        if name == b"cICP" and end - body == 4:
            found.info["cicp"] = tuple(data[body:end])
        elif name == b"iCCP":
            if not _take_profile(data[body:end], found):
                continue
        elif name in _TEXTS:
            size = _size_of_text(name, data[body:end])
            grown += size - (end - body) if size > end - body else 0
            if grown > MOST:
                raise CorruptImage(
                    f"A text of {end - body:,} bytes in the PNG is more than {MOST >> 20} MB once "
                    "it is decompressed; that much is not read."
                )
            if size <= PILLOW_TAKES:
                continue
        else:
            continue
        if name != b"cICP":
            kept.append(data[start : body - 8])
            start = end + 4
    if kept:
        found.data = b"".join((*kept, data[start:]))
    return found


_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}


def _take_profile(body: bytes, found: Extracted) -> bool:
    """Whether the profile must be hidden from Pillow, which would fail on it."""
    compressed = body[body.find(b"\0") + 2 :]
    try:
        profile, whole = _inflated(compressed, MOST)
    except zlib.error:
        found.notes.append(DAMAGED)
        return True
    if not whole:
        found.notes.append(TOO_LARGE)
    elif len(profile) > PILLOW_TAKES:
        found.info["icc_profile"] = profile
    return not whole or len(profile) > PILLOW_TAKES


def _size_of_text(name: bytes, body: bytes) -> int:
    """Its decompressed bytes; counting stops beyond MOST."""
    keyword = body.find(b"\0")
    if name == b"tEXt" or keyword < 0:
        return len(body)
    compressed = body[keyword + 2 :]
    if name == b"iTXt":
        if body[keyword + 1 : keyword + 2] != b"\1":
            return len(body)
        compressed = body[keyword + 3 :].split(b"\0", 2)[-1]
    try:
        return _inflated_size(compressed, MOST)
    except zlib.error:
        return len(body)


def _inflated(compressed: bytes, most: int) -> tuple[bytes, bool]:
    """(at most that many bytes, whether that is all)."""
    reader = zlib.decompressobj()
    profile = reader.decompress(compressed, most)
    return profile, not reader.unconsumed_tail


def _inflated_size(compressed: bytes, most: int) -> int:
    """Counted chunk by chunk, so that a bomb takes no memory."""
    reader, size = zlib.decompressobj(), 0
    while compressed and size <= most:
        size += len(reader.decompress(compressed, 1 << 16))
        compressed = reader.unconsumed_tail
    return size


def scale_transparency(image: Image.Image, data: bytes) -> None:
    """Rescales a transparent sample: the file gives it at full depth, Pillow compares it with 8
    bits.
    """
    depth = data[24]
    level = image.info.get("transparency")
    if isinstance(level, tuple) and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in level)
    elif isinstance(level, int) and image.mode == "L" and depth < 8:
        image.info["transparency"] = level * 255 // ((1 << depth) - 1)
