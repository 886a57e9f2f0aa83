"""Files of very many tiny parts are refused before anything walks over them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fovea.server.engine import costs
from fovea.server.intake.imaging import decode
from fovea.server.problems import CorruptImage

MANY = 200_000
PIXELS = 1 << 24


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes = b"") -> bytes:
    check = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + check


def with_parts(kind: str, count: int) -> bytes:
    """A sound photo with so many parts that say nothing."""
    data = encoded(kind)
    if kind == "PNG":
        return data[:33] + chunk(b"abCd") * count + data[33:]
    if kind == "JPEG":
        return data[:2] + b"\xff\xfe\0\2" * count + data[2:]
    at = 13 + (3 << (data[10] & 7) + 1)
    return data[:at] + b"!\xfe\1a\0" * (count // 2) + data[at:]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_thousands_of_parts_are_read_and_very_many_are_refused(kind: str) -> None:
    seen = decode(with_parts(kind, 20_000), PIXELS)
    assert np.array_equal(seen.pixels, decode(encoded(kind), PIXELS).pixels)
    flood = with_parts(kind, MANY)
    assert costs.decoding(flood, PIXELS) == 0
    with pytest.raises(CorruptImage, match="parts"):
        decode(flood, PIXELS)


def test_the_pixels_of_a_gif_in_crumbs_are_refused() -> None:
    head = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\2" + b"\1\0" * MANY + b"\0;"
    with pytest.raises(CorruptImage, match="parts"):
        decode(head + frame, PIXELS)


def test_padding_between_the_segments_of_a_jpeg_is_skipped() -> None:
    data = encoded("JPEG")
    padded = data[:2] + b"\xff" * 100_000 + data[2:]
    with pytest.raises(CorruptImage, match="parts"):
        decode(data[:2] + b"\xff" * 10_000_000 + data[2:], PIXELS)
    assert np.array_equal(decode(padded, PIXELS).pixels, decode(data, PIXELS).pixels)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_ten_thousand_frames_are_no_flood(kind: str) -> None:
    first = Image.new("RGB", (16, 16), (200, 30, 0))
    more = [Image.new("RGB", (16, 16), (number % 250, number // 250, 9)) for number in range(9999)]
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=more, lossless=True)
    seen = decode(buffer.getvalue(), PIXELS)
    assert "several frames" in " ".join(seen.warnings)
    assert (np.abs(seen.pixels.astype(int) - (200, 30, 0)) <= 8).all()
