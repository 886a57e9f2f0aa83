"""TIFFs that Pillow cannot decode: any depth, floats, more than three bands, separate planes.

Decompression is still left to Pillow's libtiff: a second directory is appended to the file that
describes its strips or tiles as rows of grey bytes; libtiff then returns the raw samples, and numpy
interprets them. Tags as in TIFF 6.0 (1992) and BigTIFF; predictors as in TIFF 6.0, section 14, and
Adobe's Technical Note 3.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fovea.server.intake.colour import strips
from fovea.server.intake.samples import range_of
from fovea.server.problems import (
    CorruptImage,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)

LOSSLESS = {1: "none", 5: "LZW", 8: "Deflate", 32773: "PackBits", 32946: "Deflate",
            34925: "LZMA", 50000: "Zstandard"}  # fmt: skip
SAMPLE_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
SENSOR = (32803, 34892)
"""Photometric interpretations of raw sensor data."""

MOST_BYTES_A_PIXEL = 64


@dataclass(frozen=True, slots=True)
class Header:
    """The first image of a file, as its directory describes it.

    big: BigTIFF. several: whether there are other images. kind: u, i or f, as in numpy. planes:
    whether bands are stored separately.
    """

    tags: dict[int, Any]
    big_endian: bool
    big: bool
    several: bool
    width: int
    height: int
    bands: int
    bits: int
    kind: str
    photometric: int
    compression: int
    planes: bool

    @property
    def bytes_a_pixel(self) -> int:
        return -(-self.bands * self.bits // 8)

    @property
    def of_a_raw_photo(self) -> bool:
        """DNG says so; other raw formats have the sensor data in an image below the first."""
        reduced = bool(_first(self.tags, 254, 0) & 1)
        return 50706 in self.tags or (330 in self.tags and (reduced or self.compression == 6))


def header(data: bytes) -> Header:
    """Raises CorruptImage if the file does not give the image's size."""
    tags, following = _directory(data)
    width, height = _first(tags, 256, 0), _first(tags, 257, 0)
    depths = tags.get(258, (1,))
    bands = _first(tags, 277, len(depths))
    kinds = set(tags.get(339, (1,)))
    if not (isinstance(width, int) and isinstance(height, int)) or len(set(depths)) > 1:
        raise CorruptImage("The TIFF does not say how large its picture is, or of how many bits.")
    return Header(
        tags, data[:2] == b"MM", data[2:4] in BIG, following, width, height, bands, depths[0],
        SAMPLE_KINDS.get(kinds.pop(), "?") if len(kinds) == 1 else "?",
        _first(tags, 262, 0), _first(tags, 259, 1), _first(tags, 284, 1) == 2 and bands > 1,
    )  # fmt: skip


BIG = (b"+\0", b"\0+")
_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 11: "f", 12: "d",
            13: "I", 16: "Q", 17: "q", 18: "Q"}  # fmt: skip
"""struct codes of the field types that are read; others, such as rationals, are not needed."""


def _directory(data: bytes) -> tuple[dict[int, Any], bool]:
    """(values of the first directory by tag, whether there is another): tuples, or bytes."""
    order = ">" if data[:2] == b"MM" else "<"
    big = data[2:4] in BIG
    word, count, inline = ("Q", "Q", 8) if big else ("I", "H", 4)
    (at,) = struct.unpack_from(order + word, data, 8 if big else 4)
    (entries,) = struct.unpack_from(order + count, data, at)
    at += struct.calcsize(order + count)
    tags: dict[int, Any] = {}
    for _ in range(entries):
        tag, kind, number = struct.unpack_from(order + "HH" + word, data, at)
        at += 4 + inline
        if kind in _FORMATS:
            form = f"{order}{number}{_FORMATS[kind]}"
            size = struct.calcsize(form)
            start = at if size <= inline else struct.unpack_from(order + word, data, at)[0]
            if start + size > len(data):
                raise TruncatedImage("The TIFF ends before its directory does.")
            values = struct.unpack_from(form, data, start)
            tags[tag] = values[0] if _FORMATS[kind] == "s" else values
        at += inline
    (following,) = struct.unpack_from(order + word, data, at) if at < len(data) else (0,)
    return tags, bool(following)


def is_for_pillow(head: Header) -> bool:
    """Whether Pillow decodes it correctly: 8 bits or fewer in the usual bands, 16-bit grey, and
    everything with photo or fax compression.
    """
    if head.photometric not in (0, 1, 2) or head.compression not in LOSSLESS:
        return True
    if head.planes or (head.big and head.big_endian):  # Pillow does not know the latter
        return False
    extra = head.tags.get(338, ())
    plain_grey = head.bands == 1
    if head.bits <= 8:
        colour = head.photometric == 2 and head.bands in (3, 4) and head.kind == "u"
        return (
            colour
            or (plain_grey and head.kind == "u")
            or (
                head.photometric == 1
                and head.bands == 2
                and extra in ((1,), (2,))
                and head.kind == "u"
            )
        )
    return plain_grey and head.bits == 16 and head.kind == "u" and head.photometric == 1


def read(data: bytes, head: Header, notes: list[str]) -> Image.Image:
    """The first image in 8 bits, in the file's orientation, with alpha if there is any."""
    _refuse_the_unknown(head)
    chosen, opacity = _bands(head, notes)
    planes = [_samples(data, head, band) for band in chosen] if head.planes else None
    whole = None if head.planes else _samples(data, head, None)

    def strip(top: int, bottom: int) -> NDArray[Any]:
        """(row, column, band): samples of the displayed bands."""
        if planes is not None:
            return np.stack([_numbers(p[top:bottom], head, 1)[..., 0] for p in planes], axis=-1)
        assert whole is not None
        return _numbers(whole[top:bottom], head, head.bands)[..., chosen]

    shown = slice(None) if opacity is None else slice(0, -1)
    pieces = (strip(*rows)[..., shown] for rows in strips(head.width, head.height))
    largest = min(head.tags.get(281, (1 << head.bits,))) if head.bits > 8 else None
    within = range_of(
        pieces, head.kind, head.bits, notes, largest=largest, inverted=head.photometric == 0
    )
    result = np.empty((head.height, head.width, len(chosen)), np.uint8)
    for top, bottom in strips(head.width, head.height):
        values = strip(top, bottom)
        result[top:bottom] = within.levels(values, 255)
        if opacity is not None:
            clear = range_of((), "u", head.bits, []) if head.kind == "u" else within
            result[top:bottom, :, -1] = clear.levels(values[..., -1], 255)
    if opacity is not None and opacity == "premultiplied":
        result[..., :-1] = _divided(result[..., :-1], result[..., -1:])
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(chosen)]
    image = Image.frombuffer(
        mode, (head.width, head.height), result.reshape(head.height, -1), "raw", mode, 0, 1
    )
    if profile := head.tags.get(34675):
        image.info["icc_profile"] = profile
    return image


def preview(data: bytes, head: Header) -> bytes | None:
    """The JPEG preview that a raw photo's first directory points at, if any."""
    starts, sizes = head.tags.get(513), head.tags.get(514)
    if starts is None:
        starts, sizes = head.tags.get(273), head.tags.get(279)
    try:
        start, size = _only(starts), _only(sizes)
    except (TypeError, ValueError):
        return None
    found = data[start : start + size]
    return found if found[:2] == b"\xff\xd8" else None


def turned(image: Image.Image, head: Header) -> Image.Image:
    """The image with its directory's orientation stored as EXIF."""
    orientation = _first(head.tags, 274, 1)
    exif = Image.Exif()
    exif[274] = orientation
    image.info["exif"] = exif.tobytes()
    return image


def _only(value: Any) -> int:
    """The only element, or None."""
    (number,) = value if isinstance(value, tuple) else (value,)
    return int(number)


def _refuse_the_unknown(head: Header) -> None:
    if (
        head.kind == "?"
        or (head.kind == "f" and head.bits not in (16, 32, 64))
        or not (1 <= head.bits <= 64)
    ):
        raise UnsupportedFormat(
            f"The TIFF's samples are of a kind that is not decoded here: {head.bits} bits, format "
            f"{', '.join(map(str, head.tags.get(339, (1,))))}."
        )
    if head.kind != "f" and head.bits > 16 and head.bits not in (32, 64):
        raise UnsupportedFormat(f"The TIFF has samples of {head.bits} bits; those are not decoded.")
    if head.bytes_a_pixel > MOST_BYTES_A_PIXEL and not head.planes:
        raise TooManyPixels(
            f"The TIFF has {head.bands} bands, {head.bytes_a_pixel} bytes a pixel; at most "
            f"{MOST_BYTES_A_PIXEL} are decoded.",
            limit=MOST_BYTES_A_PIXEL,
            actual=head.bytes_a_pixel,
        )


def _bands(head: Header, notes: list[str]) -> tuple[list[int], str | None]:
    """(indices of the displayed bands, the kind of opacity in the last one if any)."""
    extra = tuple(head.tags.get(338, ()))
    opacities = sum(what in (1, 2) for what in extra)
    colours = 3 if head.photometric == 2 or head.bands - opacities >= 3 else 1
    colours = min(colours, head.bands)
    at = next((i for i, what in enumerate(extra) if what in (1, 2)), None)
    chosen = list(range(colours))
    if at is not None and (band := head.bands - len(extra) + at) >= colours:
        chosen.append(band)
    opacity = None
    if len(chosen) > colours:
        assert at is not None
        opacity = "premultiplied" if extra[at] == 1 else "straight"
    if head.bands > len(chosen):
        shown = "the first three were taken as red, green and blue"
        notes.append(
            f"The TIFF has {head.bands} bands; "
            f"{shown if colours == 3 else 'the first was taken as brightness'}."
        )
    return chosen, opacity


def _divided(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    opacity = np.maximum(alpha, 1).astype(np.uint16)
    wide = (colours.astype(np.uint16) * 255 + opacity // 2) // opacity
    straight: NDArray[np.uint8] = wide.clip(0, 255).astype(np.uint8)
    return straight


# Bytes --------------------------------------------------------------------------------------------


def _samples(data: bytes, head: Header, band: int | None) -> NDArray[np.uint8]:
    """(row, byte) of all bands, or of one separately stored band, decompressed."""
    across = 1 if band is not None else head.bands
    row_bytes = -(-head.width * across * head.bits // 8)
    tiled = 322 in head.tags
    length = _first(head.tags, 323 if tiled else 278, head.height)
    tags = [(256, row_bytes), (257, head.height), (258, 8), (259, head.compression), (262, 1),
            (266, _first(head.tags, 266, 1)), (277, 1)]  # fmt: skip
    down = -(-head.height // max(length, 1))
    if tiled:
        wide = _first(head.tags, 322, head.width)
        tile_bytes, beside = wide * across * head.bits // 8, -(-head.width // wide)
        # A tile that crosses the image's edge does so by whole pixels.
        tags[0] = (256, beside * tile_bytes)
        tags += [(322, tile_bytes), (323, length)]
        pieces, offsets, counts = down * beside, 324, 325
    else:
        tags.append((278, min(length, head.height)))
        pieces, offsets, counts = down, 273, 279
    first = 0 if band is None else band * pieces
    starts = tuple(head.tags[offsets])[first : first + pieces]
    sizes = tuple(head.tags.get(counts, ()))[first : first + pieces]
    if not sizes and head.compression == 1:
        sizes = tuple(row_bytes * min(length, head.height - i * length) for i in range(pieces))
    image = _open_as_bytes(data, tags, (offsets, starts), (counts, sizes))
    rows = np.asarray(image)[:, : max(row_bytes, 1)]
    return rows if not tiled else _untiled(np.asarray(image), head, across)


def _untiled(rows: NDArray[np.uint8], head: Header, across: int) -> NDArray[np.uint8]:
    """Tiles hold predicted differences tile by tile: they are undone here, at once."""
    tile = _first(head.tags, 322, head.width) * across * head.bits // 8
    predictor = _first(head.tags, 317, 1)
    if predictor != 1:
        parts = [
            _undone(rows[:, at : at + tile], head, across, predictor)
            for at in range(0, rows.shape[1], tile)
        ]
        rows = np.concatenate(parts, axis=1)
    return rows[:, : -(-head.width * across * head.bits // 8)]


def _open_as_bytes(
    data: bytes, tags: list[tuple[int, int]], *lists: tuple[int, tuple[int, ...]]
) -> Image.Image:
    """The strips or tiles that `lists` names, as an 8-bit grey image."""
    start = len(data) + len(data) % 2
    entries = [(tag, 1, struct.pack("<I", value)) for tag, value in tags]
    at = start + 2 + 12 * (len(tags) + len(lists)) + 4
    tail = b""
    for tag, values in lists:
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) != 1:
            packed, tail = struct.pack("<I", at + len(tail)), tail + packed
        entries.append((tag, len(values), packed))
    entries.sort()
    body = b"".join(struct.pack("<HHI", tag, 4, n) + value for tag, n, value in entries)
    directory = struct.pack("<H", len(entries)) + body + bytes(4) + tail
    described = b"".join(
        (b"II*\0" + struct.pack("<I", start), data[8:], bytes(start - len(data)), directory)
    )
    image = Image.open(io.BytesIO(described), formats=["TIFF"])
    image.load()
    return image


def _numbers(rows: NDArray[np.uint8], head: Header, across: int) -> NDArray[Any]:
    """(row, byte) → (row, column, band)."""
    predictor = _first(head.tags, 317, 1)
    if predictor != 1 and 322 not in head.tags:
        rows = _undone(rows, head, across, predictor)
    count = head.width * across
    if head.bits in (8, 16, 32, 64):
        order = ">" if head.big_endian else "<"
        if predictor != 1:
            order = "="  # undoing the differences has put them in native order
        kind = np.dtype(f"{order}{head.kind}{head.bits // 8}")
        numbers = np.ascontiguousarray(rows).view(kind)[:, :count]
    else:
        bits = np.unpackbits(rows, axis=1)[:, : count * head.bits]
        places = 1 << np.arange(head.bits - 1, -1, -1, dtype=np.uint32)
        numbers = bits.reshape(len(rows), count, head.bits) @ places
    return numbers.reshape(len(rows), head.width, across)


def _undone(
    rows: NDArray[np.uint8], head: Header, across: int, predictor: int
) -> NDArray[np.uint8]:
    """Predicted differences → sample bytes in native order."""
    if predictor == 3 and head.kind == "f":
        size, height = head.bits // 8, len(rows)
        pixels = rows.reshape(height, -1, across).cumsum(axis=1, dtype=np.uint8)
        # The most significant bytes of all samples come first, then the next.
        spread = pixels.reshape(height, size, -1).transpose(0, 2, 1)
        ordered = np.ascontiguousarray(spread).view(f">f{size}").astype(f"=f{size}")
        return ordered.view(np.uint8).reshape(height, -1)
    if predictor != 2 or head.bits not in (8, 16, 32, 64):
        raise UnsupportedFormat(
            f"The TIFF is compressed with predictor {predictor} on samples of {head.bits} bits; "
            "that is not decoded here."
        )
    order = ">" if head.big_endian else "<"
    kind = np.dtype(f"{order}u{head.bits // 8}")
    differences = np.ascontiguousarray(rows).view(kind).reshape(len(rows), -1, across)
    samples = differences.astype(kind.newbyteorder("=")).cumsum(
        axis=1, dtype=kind.newbyteorder("=")
    )
    return samples.view(np.uint8).reshape(len(rows), -1)


def _first(tags: Any, tag: int, default: int) -> Any:
    value = tags.get(tag, default)
    return value[0] if isinstance(value, tuple) and value else value
