"""Recognises file formats by their first bytes, and checks what Pillow overlooks."""

from __future__ import annotations

import importlib.util
import io
import struct
from functools import cache

from PIL import Image

from fovea.server.intake.jpeg import Outline
from fovea.server.problems import (
    CorruptImage,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Pillow's names of the formats that are always accepted."""

HEIF = "HEIF"
INSTALL_HEIF = "pip install pillow-heif"
"""Names of the formats that the extra `heic` adds."""

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
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)

_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "an icon"),
    (b"<svg", "an SVG drawing"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"II\xbc", "a JPEG XR picture"),
    (b"FUJIFILMCCD-RAW", "a raw photo of a Fujifilm camera"),
    (b"IIRO", "a raw photo of an Olympus camera"),
    (b"IIRS", "a raw photo of an Olympus camera"),
    (b"MMOR", "a raw photo of an Olympus camera"),
    (b"IIU\0", "a raw photo of a Panasonic camera"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"\x1a\x45\xdf\xa3", "a video"),
)

AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}


@cache
def opens_heif() -> bool:
    """Whether the optional pillow-heif is installed; registers it."""
    if importlib.util.find_spec("pillow_heif") is None:
        return False
    import pillow_heif  # type: ignore[import-not-found, unused-ignore]

    pillow_heif.register_heif_opener()
    return True


def accepted() -> tuple[str, ...]:
    """Pillow's names of the accepted formats; all others are refused unread."""
    return (*FORMATS, HEIF) if opens_heif() else FORMATS


def sniff(data: bytes) -> str | None:
    """The format announced by the first bytes, whatever name or type was declared."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    brands = _brands(data)
    if brands & AVIF_BRANDS:
        return "AVIF"
    if brands & HEIF_BRANDS:
        return HEIF
    return next((name for start, name in _SIGNATURES if data.startswith(start)), None)


def _brands(data: bytes) -> set[bytes]:
    """The major and compatible brands of an ISO media file (ISO/IEC 14496-12)."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), len(data), 1024)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}


def refusal(data: bytes) -> UnsupportedFormat:
    """Why these bytes, in no accepted format, are refused."""
    formats = accepted()
    listed = f"none of the accepted formats: {', '.join(formats)}"
    if sniff(data) == HEIF:
        return UnsupportedFormat(
            f"This is a HEIC photo, and no decoder for it is installed here. It is {listed}.",
            hint=f"Save it as JPEG, or install the decoder where the server runs: {INSTALL_HEIF}",
            accepted=list(formats),
        )
    what = next((name for start, name in _OTHERS if data.lstrip()[:20].startswith(start)), None)
    what = next((name for start, name in _OTHERS if data.startswith(start)), what)
    if what is None and data[4:8] == b"ftyp":
        what = "a raw photo of a Canon camera" if data[8:12] == b"crx " else "a video"
    said = f"This is {what}, {listed}." if what else f"This is {listed}."
    return UnsupportedFormat(said, accepted=list(formats))


def for_pillow(data: bytes, file_format: str) -> bytes:
    """The file with a brand that Pillow knows: for AVIF it reads only the major brand."""
    known = (*AVIF_BRANDS, b"mif1", b"msf1")
    if file_format == "AVIF" and data[8:12] not in known:
        return data[:8] + b"avif" + data[12:]
    return data


def check_jpeg(found: Outline) -> None:
    """Raises for JPEG variants that libjpeg cannot decode, and for an excessive number of scans."""
    if found.kind is not None or found.depth not in (0, 8) or found.components not in (0, 1, 3, 4):
        what = found.kind or (
            f"{found.depth}-bit" if found.depth != 8 else f"{found.components}-component"
        )
        raise UnsupportedFormat(
            f"This is a {what} JPEG; of JPEGs only those of 8 bits and of 1, 3 or 4 components, "
            "baseline or progressive, are decoded here.",
            accepted=list(accepted()),
        )
    if found.scans > MAX_SCANS:
        raise TooManyPixels(
            f"The JPEG has {found.scans} scans; at most {MAX_SCANS} are decoded.",
            limit=MAX_SCANS,
            actual=found.scans,
        )


def check_structure(data: bytes, file_format: str) -> None:
    """Raises for damage that decoding the first frame would miss."""
    if check := _CHECKS.get(file_format):
        check(data)


def _check_png(data: bytes) -> None:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        # Decoding skips the checksums of pixel data, verify() does not. After verify() the image
        # cannot be decoded.
        image.verify()


def _check_webp(data: bytes) -> None:
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < 8 + length:
        raise TruncatedImage("The WEBP file ends before the picture does.")


def _check_gif(data: bytes) -> None:
    """Refuses a first frame beyond the canvas, for which Pillow would silently enlarge the
    image.
    """
    canvas = struct.unpack_from("<HH", data, 6)
    with Image.open(io.BytesIO(data), formats=["GIF"]) as image:
        if image.size != canvas:
            raise CorruptImage(
                f"The GIF's first frame is larger than its canvas of {canvas[0]} × {canvas[1]}."
            )


def _check_bmp(data: bytes) -> None:
    """Width is signed in all but the oldest headers; Pillow would read a negative one as huge."""
    header_bytes, width = struct.unpack_from("<Ii", data, 14)
    if header_bytes >= WINDOWS_HEADER_BYTES and width < 1:
        raise CorruptImage(f"The BMP says that it is {width} pixels wide.")


def _check_tiff(data: bytes) -> None:
    """Follows the chain of pages, which loops in some damaged files."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    word, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    at = 8 if big else 4
    seen: set[int] = set()
    while offset := struct.unpack_from(order + word, data, at)[0]:
        if offset in seen or len(seen) >= MAX_PAGES:
            raise CorruptImage("The TIFF's list of pages does not end.")
        seen.add(offset)
        (entries,) = struct.unpack_from(order + count, data, offset)
        at = offset + struct.calcsize(order + count) + entry * entries


_CHECKS = {
    "PNG": _check_png,
    "WEBP": _check_webp,
    "GIF": _check_gif,
    "BMP": _check_bmp,
    "TIFF": _check_tiff,
}
