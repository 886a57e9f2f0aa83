"""Bytes that are no photo: each is refused for what is wrong with it."""

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from fovea.server import problems
from fovea.server.intake.containers import opens_heif
from fovea.server.intake.imaging import decode, pin_pillow
from tests.server.imaging.conftest import MAX_PIXELS, UPRIGHT, chunk, encoded, noise, photo, png
from tests.server.imaging.test_profiles import P3_TO_XYZ, profile


def half(file_format: str) -> bytes:
    data = encoded(noise(), file_format)
    return data[: len(data) // 2]


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


def png_header(width: int, height: int) -> bytes:
    return png(width, height, 8, 2, [])


def bmp_of_width(width: int) -> bytes:
    data = encoded(noise(), "BMP")
    return data[:18] + struct.pack("<i", width) + data[22:]


def cyclic_tiff() -> bytes:
    data = bytearray(encoded(noise(), "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * entries, start)
    return bytes(data)


def gif_larger_than_its_canvas() -> bytes:
    data = bytearray(encoded(noise().copy(), "GIF"))
    struct.pack_into("<HH", data, 6, 10, 10)
    return bytes(data)


def apng_without_frame_control() -> bytes:
    data = encoded(UPRIGHT, "PNG")
    animation = chunk(b"acTL", struct.pack(">II", 2, 0))
    frame = chunk(b"fdAT", struct.pack(">I", 1) + zlib.compress(bytes(100)))
    return data[:33] + animation + data[33:-12] + frame + data[-12:]


def text_bomb() -> bytes:
    data = encoded(UPRIGHT, "PNG")
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    return data[:33] + bomb + data[33:]


def endless_scans() -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(noise(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 100 + data[-2:]


NO_PHOTOS: dict[str, tuple[bytes | Callable[[], bytes], type[problems.Problem]]] = {
    "nothing": (b"", problems.EmptyImage),
    "one byte": (b"x", problems.UnsupportedFormat),
    "random": (bytes(np.random.default_rng(1).integers(0, 256, 5000, np.uint8)),
               problems.UnsupportedFormat),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", problems.UnsupportedFormat),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", problems.UnsupportedFormat),
    "pdf": (b"%PDF-1.7\n", problems.UnsupportedFormat),
    "psd": (b"8BPS\0\1" + bytes(40), problems.UnsupportedFormat),
    "ico": (b"\0\0\1\0\1\0" + bytes(40), problems.UnsupportedFormat),
    "video": (b"\0\0\0\x20ftypisom" + bytes(40), problems.UnsupportedFormat),
    "heic": (
        b"\0\0\0\x20ftypheic" + bytes(40),
        problems.CorruptImage if opens_heif() else problems.UnsupportedFormat,
    ),
    "jpeg cut": (lambda: half("JPEG"), problems.TruncatedImage),
    "png cut": (lambda: half("PNG"), problems.TruncatedImage),
    "gif cut": (lambda: half("GIF"), problems.TruncatedImage),
    "bmp cut": (lambda: half("BMP"), problems.TruncatedImage),
    "tiff cut": (lambda: half("TIFF"), problems.BadPhoto),
    "webp cut": (lambda: half("WEBP"), problems.TruncatedImage),
    "avif cut": (lambda: half("AVIF"), problems.BadPhoto),
    "png with a wrong checksum": (
        lambda: damaged(encoded(noise(), "PNG"), 60), problems.CorruptImage),
    "apng without fcTL": (apng_without_frame_control, problems.CorruptImage),
    "tiff cyclic": (cyclic_tiff, problems.CorruptImage),
    "bmp of no width": (lambda: bmp_of_width(0), problems.CorruptImage),
    "bmp of negative width": (lambda: bmp_of_width(-60), problems.CorruptImage),
    "png text bomb": (text_bomb, problems.CorruptImage),
    "huge header": (lambda: png_header(100_000, 100_000), problems.TooManyPixels),
    "no size": (lambda: png_header(0, 10), problems.CorruptImage),
    "gif frame beyond its canvas": (gif_larger_than_its_canvas, problems.CorruptImage),
    "too thin": (lambda: encoded(Image.new("RGB", (1, 60_000)), "PNG"), problems.BadAspect),
    "endless scans": (endless_scans, problems.TooManyPixels),
    **{
        f"only the start of {name}": (start, problems.BadPhoto)
        for name, start in {
            "jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n", "gif": b"GIF89a", "bmp": b"BM",
            "tiff": b"II*\0", "webp": b"RIFF\0\0\0\0WEBP", "avif": b"\0\0\0\x20ftypavif",
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PHOTOS)
def test_what_is_no_photo_is_refused(name: str) -> None:
    data, expected = NO_PHOTOS[name]
    with pytest.raises(problems.BadPhoto) as raised:
        photo(data() if callable(data) else data)
    assert isinstance(raised.value, expected), raised.value
    assert 400 <= raised.value.status < 500


def test_an_unsupported_format_lists_the_accepted_ones() -> None:
    with pytest.raises(problems.UnsupportedFormat) as raised:
        photo(b"<svg/>")
    assert "JPEG" in raised.value.detail
    assert "WEBP" in raised.value.extra["accepted"]


def test_the_pixel_limit_is_exact() -> None:
    data = encoded(Image.new("RGB", (100, 100)), "PNG")
    assert decode(data, 10_000).width == 100
    with pytest.raises(problems.TooManyPixels) as raised:
        decode(data, 9_999)
    assert (raised.value.limit, raised.value.actual) == (9_999, 10_000)


def test_pillows_switches_are_where_they_are_relied_on() -> None:
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = 5, True
    pin_pillow()
    assert Image.MAX_IMAGE_PIXELS is None
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def samples() -> Iterator[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    icc = profile(P3_TO_XYZ)
    for file_format in ("JPEG", "PNG", "WEBP", "TIFF"):
        yield encoded(noise(8, 9), file_format, exif=exif, icc_profile=icc)
    for file_format in ("GIF", "BMP", "AVIF"):
        yield encoded(noise(8, 9), file_format)
    yield png(2, 1, 16, 0, [bytes(4)])
    directory = ImageFileDirectory_v2()
    directory[0x0112] = 8
    yield encoded(noise(8, 9), "TIFF", compression="tiff_deflate", tiffinfo=directory)


SAMPLES = tuple(samples())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_whatever_the_damage_it_is_a_photo_or_a_bad_photo(data: st.DataObject) -> None:
    sample = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(sample) - 1))
        sample[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(sample) // 2, len(sample)))
    try:
        seen = decode(bytes(sample[:cut]), MAX_PIXELS)
    except problems.BadPhoto:
        return
    assert seen.pixels.dtype == np.uint8
    assert seen.pixels.shape == (seen.height, seen.width, 3)
