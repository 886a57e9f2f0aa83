"""Photos made here, whose pixels are known beforehand."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fovea.server.intake.imaging import Photo, decode, pin_pillow

MAX_PIXELS = 1_000_000
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
YELLOW, CYAN, MAGENTA = (255, 255, 0), (0, 255, 255), (255, 0, 255)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def _pillow() -> None:
    pin_pillow()


def colours(*rows: list[tuple[int, ...]]) -> Pixels:
    return np.array(rows, dtype=np.uint8)


UPRIGHT = colours([RED, GREEN, BLUE], [YELLOW, CYAN, MAGENTA])


def encoded(picture: Image.Image | Pixels, file_format: str, **options: Any) -> bytes:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def noise(height: int = 40, width: int = 60) -> Pixels:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def chunk(name: bytes, body: bytes, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(name + body) if crc is None else crc
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int, kind: int, rows: list[bytes], *extra: bytes) -> bytes:
    """A PNG by hand: Pillow cannot write all of the kinds that it reads. kind: 0 grey, 2 RGB."""
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
            *extra,
            chunk(b"IDAT", pixels),
            chunk(b"IEND", b""),
        )
    )


def photo(data: bytes) -> Photo:
    return decode(data, MAX_PIXELS)
