"""File formats: recognised by their first bytes, and checked where Pillow would look away."""

from __future__ import annotations

import io
import struct

from PIL import Image

from fovea.server.problems import CorruptImage, TooManyPixels, TruncatedImage

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Pillow's names of the formats that are opened; all others are refused unread."""

MAX_SCANS = 50
"""A progressive JPEG has about ten scans; each is a pass over all pixels for hardly any bytes."""

MAX_PAGES = 10_000

WINDOWS_HEADER_BYTES = 40

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)


def sniff(data: bytes) -> str | None:
    """The format that the first bytes announce, whatever name or type was declared."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    return next((name for start, name in _SIGNATURES if data.startswith(start)), None)


def check_structure(data: bytes, file_format: str) -> None:
    """Raises for damage that decoding the first frame would not notice."""
    if check := _CHECKS.get(file_format):
        check(data)


def _check_jpeg(data: bytes) -> None:
    # FF DA cannot occur inside compressed data, where FF is followed by 00 or a restart marker.
    scans = data.count(b"\xff\xda")
    if scans > MAX_SCANS:
        raise TooManyPixels(
            f"The JPEG has {scans} scans; at most {MAX_SCANS} are decoded.",
            limit=MAX_SCANS,
            actual=scans,
        )


def _check_png(data: bytes) -> None:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        # Decoding skips the checksums of pixel data, verify() does not. It cannot decode
        # afterwards.
        image.verify()


def _check_webp(data: bytes) -> None:
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < 8 + length:
        raise TruncatedImage("The WEBP file ends before the picture does.")


def _check_gif(data: bytes) -> None:
    """A first frame beyond the canvas: Pillow would enlarge the picture without a word."""
    canvas = struct.unpack_from("<HH", data, 6)
    with Image.open(io.BytesIO(data), formats=["GIF"]) as image:
        if image.size != canvas:
            raise CorruptImage(
                f"The GIF's first frame is larger than its canvas of {canvas[0]} × {canvas[1]}."
            )


def _check_bmp(data: bytes) -> None:
    """A width is signed in all but the oldest headers; Pillow would read a negative one as huge."""
    header_bytes, width = struct.unpack_from("<Ii", data, 14)
    if header_bytes >= WINDOWS_HEADER_BYTES and width < 1:
        raise CorruptImage(f"The BMP says that it is {width} pixels wide.")


def _check_tiff(data: bytes) -> None:
    """Follows the chain of pages, which in a damaged file may lead back to itself."""
    order = "<" if data[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(order + "I", data, 4)
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= MAX_PAGES:
            raise CorruptImage("The TIFF's list of pages does not end.")
        seen.add(offset)
        (entries,) = struct.unpack_from(order + "H", data, offset)
        (offset,) = struct.unpack_from(order + "I", data, offset + 2 + 12 * entries)


_CHECKS = {
    "JPEG": _check_jpeg,
    "PNG": _check_png,
    "WEBP": _check_webp,
    "GIF": _check_gif,
    "BMP": _check_bmp,
    "TIFF": _check_tiff,
}
