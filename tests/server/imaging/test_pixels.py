"""Photos of every kind, against pixels known beforehand."""

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.server.imaging.conftest import (
    BLACK,
    BLUE,
    CYAN,
    GREEN,
    MAGENTA,
    RED,
    UPRIGHT,
    WHITE,
    YELLOW,
    chunk,
    colours,
    encoded,
    noise,
    photo,
    png,
)


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats_are_exact(file_format: str, options: dict[str, Any]) -> None:
    pixels = noise()
    seen = photo(encoded(pixels, file_format, **options))
    assert np.array_equal(seen.pixels, pixels)
    assert (seen.format, seen.warnings) == (file_format, ())
    assert (seen.width, seen.height) == (60, 40)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_are_close(file_format: str) -> None:
    pixels = np.full((32, 32, 3), (200, 100, 50), dtype=np.uint8)
    seen = photo(encoded(pixels, file_format, quality=95)).pixels.astype(int)
    assert np.abs(seen - pixels).max() <= 4


# How each orientation stores the picture [a b c / d e f] (Exif 2.32, tag 0x0112).
STORED = {
    1: ["abc", "def"],
    2: ["cba", "fed"],
    3: ["fed", "cba"],
    4: ["def", "abc"],
    5: ["ad", "be", "cf"],
    6: ["cf", "be", "ad"],
    7: ["fc", "eb", "da"],
    8: ["da", "eb", "fc"],
}


LETTERS = dict(zip("abcdef", (RED, GREEN, BLUE, YELLOW, CYAN, MAGENTA), strict=True))


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_undone(orientation: int, file_format: str) -> None:
    stored = colours(*([LETTERS[letter] for letter in row] for row in STORED[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    seen = photo(encoded(stored, file_format, exif=exif, **options))
    assert np.array_equal(seen.pixels, UPRIGHT)


def test_orientation_of_a_jpeg_is_undone() -> None:
    stored = np.repeat(np.repeat(np.rot90(UPRIGHT, 1), 16, axis=0), 16, axis=1)
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = photo(encoded(stored, "JPEG", quality=95, subsampling=0, exif=exif))
    assert (seen.width, seen.height) == (48, 32)
    assert np.abs(seen.pixels[8::16, 8::16].astype(int) - UPRIGHT).max() < 12


def test_broken_exif_is_ignored() -> None:
    data = encoded(UPRIGHT, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff rubbish")
    assert np.array_equal(photo(data).pixels, UPRIGHT)


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    levels = np.array([[0, 100 * 257, 200 * 257, 65535]], dtype=np.uint16)
    rows = [levels.astype(">u2").tobytes()]
    for data in (png(4, 1, 16, 0, rows), encoded(Image.fromarray(levels), "TIFF")):
        assert photo(data).pixels[0, :, 0].tolist() == [0, 100, 200, 255]


def test_16_bit_grey_of_a_big_endian_tiff_is_scaled() -> None:
    levels = np.array([0, 100 * 257, 65535], dtype=">u2").tobytes()
    assert photo(grey_tiff(levels, 3)).pixels[0, :, 1].tolist() == [0, 100, 255]


def grey_tiff(levels: bytes, width: int) -> bytes:
    """A big-endian TIFF of one row of 16-bit grey, by hand."""
    tags = [
        (256, 3, width), (257, 3, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1),
        (273, 4, 8), (277, 3, 1), (278, 3, 1), (279, 4, len(levels)),
    ]  # fmt: skip
    body = levels + b"\0" * (-len(levels) % 2)
    entries = b"".join(
        struct.pack(">HHI", tag, kind, 1)
        + (struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value))
        for tag, kind, value in tags
    )
    directory = struct.pack(">H", len(tags)) + entries + struct.pack(">I", 0)
    return struct.pack(">2sHI", b"MM", 42, 8 + len(body)) + body + directory


def test_16_bit_rgb_is_scaled() -> None:
    row = np.array([[65535, 100 * 257, 0]], dtype=">u2").tobytes()
    assert photo(png(1, 1, 16, 2, [row])).pixels[0, 0].tolist() == [255, 100, 0]


def test_16_bit_grey_with_a_transparent_level() -> None:
    row = np.array([0, 257 * 7, 65535], dtype=">u2").tobytes()
    data = png(3, 1, 16, 0, [row], chunk(b"tRNS", struct.pack(">H", 257 * 7)))
    assert photo(data).pixels[0, :, 0].tolist() == [0, 255, 255]


def test_floats_are_scaled_and_say_so() -> None:
    values = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
    assert photo(encoded(Image.fromarray(values), "TIFF")).pixels[0, :, 0].tolist() == [0, 128, 255]
    seen = photo(encoded(Image.fromarray(values * 40 - 20), "TIFF"))
    assert seen.pixels[0, :, 0].tolist() == [0, 128, 255]
    assert "-20 to 20" in seen.warnings[0]
    broken = photo(encoded(Image.fromarray(np.array([[np.nan, 1.0]], np.float32)), "TIFF"))
    assert broken.pixels[0, :, 0].tolist() == [0, 255]
    assert "not numbers" in broken.warnings[0]


def test_transparency_is_laid_on_the_stated_background() -> None:
    rgba = np.array([[(*RED, 255), (*RED, 0), (*BLACK, 128)]], dtype=np.uint8)
    seen = photo(encoded(rgba, "PNG"))
    assert seen.pixels[0].tolist() == [[255, 0, 0], [255, 255, 255], [127, 127, 127]]
    assert seen.warnings == ("Transparent parts were laid on white.",)


def test_opaque_alpha_is_no_warning() -> None:
    rgba = np.array([[(*RED, 255)]], dtype=np.uint8)
    assert photo(encoded(rgba, "PNG")).warnings == ()


def test_palette_with_transparency() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, *GREEN, *BLUE])
    image.putdata([0, 1, 2])
    for file_format in ("PNG", "GIF"):
        seen = photo(encoded(image, file_format, transparency=1))
        assert seen.pixels[0].tolist() == [list(RED), list(WHITE), list(BLUE)]
    assert photo(encoded(image, "GIF")).pixels[0].tolist() == [list(RED), list(GREEN), list(BLUE)]


def test_a_transparent_colour() -> None:
    seen = photo(encoded(colours([RED, GREEN]), "PNG", transparency=RED))
    assert seen.pixels[0].tolist() == [list(WHITE), list(GREEN)]


def test_grey_with_alpha_and_one_bit() -> None:
    grey = Image.fromarray(np.array([[(100, 255), (0, 0)]], dtype=np.uint8), "LA")
    assert photo(encoded(grey, "PNG")).pixels[0].tolist() == [[100] * 3, [255] * 3]
    bits = Image.fromarray(np.array([[0, 255, 0]], dtype=np.uint8)).convert("1")
    for file_format in ("PNG", "TIFF", "BMP"):
        assert photo(encoded(bits, file_format)).pixels[0, :, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize(
    "file_format", ["TIFF", "JPEG"]
)  # Pillow's JPEG is the inverted Adobe kind
def test_cmyk(file_format: str) -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    seen = photo(encoded(ink, file_format)).pixels.astype(int)
    assert np.abs(seen - RED).max() <= 3


def test_the_first_of_several_frames_is_taken_and_stated() -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE))
    for file_format in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if file_format == "WEBP" else {}
        data = encoded(first, file_format, save_all=True, append_images=[second], **options)
        seen = photo(data)
        assert seen.pixels[0, 0].tolist() == list(RED), file_format
        assert "first" in seen.warnings[0], file_format


def test_the_first_picture_of_an_mpo() -> None:
    first, second = (Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE))
    seen = photo(encoded(first, "MPO", save_all=True, append_images=[second]))
    assert np.abs(seen.pixels.astype(int) - RED).max() <= 3
    assert seen.warnings == ("The file holds several pictures; the first one was taken.",)


def test_ten_thousand_frames_are_not_read() -> None:
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    head = b"GIF89a\1\0\1\0\x80\0\0" + bytes((*RED, *BLUE))
    seen = photo(head + frame * 10_000 + b"\x3b")
    assert seen.pixels.tolist() == [[list(RED)]]
    assert "first" in seen.warnings[0]


def test_polyglots_are_photos() -> None:
    data = encoded(UPRIGHT, "PNG")
    html = chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")
    assert np.array_equal(photo(data[:33] + html + data[33:]).pixels, UPRIGHT)
    assert np.array_equal(photo(data + b"PK\3\4" + bytes(100)).pixels, UPRIGHT)


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (100, 1)])
def test_small_and_thin_photos(size: tuple[int, int]) -> None:
    seen = photo(encoded(Image.new("RGB", size, GREEN), "PNG"))
    assert (seen.width, seen.height) == size


def test_equal_pixels_have_equal_digests() -> None:
    pixels = noise()
    digests = {photo(encoded(pixels, name)).digest for name in ("PNG", "BMP", "TIFF")}
    assert len(digests) == 1
    turned = photo(encoded(pixels.reshape(60, 40, 3), "PNG"))
    assert turned.digest not in digests
