"""Photos of every kind, made here, against pixels known beforehand."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from server import errors
from server.imaging import Photo, decode, pin_pillow

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


# --- correct pixels -----------------------------------------------------------------------------


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


# --- colour profiles ----------------------------------------------------------------------------

# Columns: the primaries, adapted to D50 as profiles want them.
SRGB_TO_XYZ = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169],
     [0.0139322, 0.0971045, 0.7141733]]
)  # fmt: skip
P3_TO_XYZ = np.array(
    [[0.5151187, 0.2919778, 0.1571035], [0.2411892, 0.6922441, 0.0665668],
     [-0.0010505, 0.0418791, 0.7840713]]
)  # fmt: skip


def profile(to_xyz: NDArray[np.float64]) -> bytes:
    """A minimal matrix profile (ICC.1:2004, v2) with a gamma of 2.2."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: Any) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(fixed(value) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78 + 1)
    tags = {
        b"desc": text, b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": xyz((0.9642, 1, 0.8249)),
        b"rXYZ": xyz(to_xyz[:, 0]), b"gXYZ": xyz(to_xyz[:, 1]), b"bXYZ": xyz(to_xyz[:, 2]),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += padded
    size = at + len(body)
    header = struct.pack(">I4xI", size, 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    header += bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def srgb_encode(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    low = linear * 12.92
    return np.where(linear <= 0.0031308, low, 1.055 * linear.clip(0) ** (1 / 2.4) - 0.055)


def test_display_p3_becomes_srgb() -> None:
    pixels = noise()
    linear = (pixels / 255) ** 2.2 @ P3_TO_XYZ.T @ np.linalg.inv(SRGB_TO_XYZ).T
    expected = srgb_encode(linear).clip(0, 1) * 255
    seen = photo(encoded(pixels, "PNG", icc_profile=profile(P3_TO_XYZ)))
    assert seen.warnings == ()
    assert np.abs(seen.pixels - expected).max() < 2.5
    assert np.abs(seen.pixels.astype(int) - pixels).max() > 20


def test_the_profile_of_srgb_changes_nothing() -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = noise()
    assert np.array_equal(photo(encoded(pixels, "PNG", icc_profile=icc)).pixels, pixels)


@pytest.mark.parametrize("icc", [b"not a profile", profile(P3_TO_XYZ)[:140], bytes(200)])
def test_a_corrupt_profile_is_ignored_with_a_warning(icc: bytes) -> None:
    seen = photo(encoded(UPRIGHT, "PNG", icc_profile=icc))
    assert np.array_equal(seen.pixels, UPRIGHT)
    assert "colour profile" in seen.warnings[0]


def test_a_profile_for_another_colour_space_is_ignored() -> None:
    seen = photo(encoded(Image.new("L", (2, 2), 77), "PNG", icc_profile=profile(P3_TO_XYZ)))
    assert seen.pixels.max() == seen.pixels.min() == 77
    assert "RGB" in seen.warnings[0]


# --- bytes that are no photo --------------------------------------------------------------------


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
    return encoded(noise(), "JPEG") + b"\xff\xda" * 1000


NO_PHOTOS: dict[str, tuple[bytes | Callable[[], bytes], type[errors.Problem]]] = {
    "nothing": (b"", errors.EmptyImage),
    "one byte": (b"x", errors.UnsupportedFormat),
    "random": (bytes(np.random.default_rng(1).integers(0, 256, 5000, np.uint8)),
               errors.UnsupportedFormat),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", errors.UnsupportedFormat),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", errors.UnsupportedFormat),
    "pdf": (b"%PDF-1.7\n", errors.UnsupportedFormat),
    "psd": (b"8BPS\0\1" + bytes(40), errors.UnsupportedFormat),
    "ico": (b"\0\0\1\0\1\0" + bytes(40), errors.UnsupportedFormat),
    "video": (b"\0\0\0\x20ftypisom" + bytes(40), errors.UnsupportedFormat),
    "heic": (b"\0\0\0\x20ftypheic" + bytes(40), errors.UnsupportedFormat),
    "jpeg cut": (lambda: half("JPEG"), errors.TruncatedImage),
    "png cut": (lambda: half("PNG"), errors.TruncatedImage),
    "gif cut": (lambda: half("GIF"), errors.TruncatedImage),
    "bmp cut": (lambda: half("BMP"), errors.TruncatedImage),
    "tiff cut": (lambda: half("TIFF"), errors.BadPhoto),
    "webp cut": (lambda: half("WEBP"), errors.TruncatedImage),
    "avif cut": (lambda: half("AVIF"), errors.BadPhoto),
    "png with a wrong checksum": (
        lambda: damaged(encoded(noise(), "PNG"), 60), errors.CorruptImage),
    "apng without fcTL": (apng_without_frame_control, errors.CorruptImage),
    "tiff cyclic": (cyclic_tiff, errors.CorruptImage),
    "bmp of no width": (lambda: bmp_of_width(0), errors.CorruptImage),
    "bmp of negative width": (lambda: bmp_of_width(-60), errors.CorruptImage),
    "png text bomb": (text_bomb, errors.CorruptImage),
    "huge header": (lambda: png_header(100_000, 100_000), errors.TooManyPixels),
    "no size": (lambda: png_header(0, 10), errors.CorruptImage),
    "gif frame beyond its canvas": (gif_larger_than_its_canvas, errors.CorruptImage),
    "too thin": (lambda: encoded(Image.new("RGB", (1, 60_000)), "PNG"), errors.BadAspect),
    "endless scans": (endless_scans, errors.TooManyPixels),
    **{
        f"only the start of {name}": (start, errors.BadPhoto)
        for name, start in {
            "jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n", "gif": b"GIF89a", "bmp": b"BM",
            "tiff": b"II*\0", "webp": b"RIFF\0\0\0\0WEBP", "avif": b"\0\0\0\x20ftypavif",
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PHOTOS)
def test_what_is_no_photo_is_refused(name: str) -> None:
    data, expected = NO_PHOTOS[name]
    with pytest.raises(errors.BadPhoto) as raised:
        photo(data() if callable(data) else data)
    assert isinstance(raised.value, expected), raised.value
    assert 400 <= raised.value.status < 500


def test_an_unsupported_format_lists_the_accepted_ones() -> None:
    with pytest.raises(errors.UnsupportedFormat) as raised:
        photo(b"<svg/>")
    assert "JPEG" in raised.value.detail
    assert "WEBP" in raised.value.extra["accepted"]


def test_the_pixel_limit_is_exact() -> None:
    data = encoded(Image.new("RGB", (100, 100)), "PNG")
    assert decode(data, 10_000).width == 100
    with pytest.raises(errors.TooManyPixels) as raised:
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
    except errors.BadPhoto:
        return
    assert seen.pixels.dtype == np.uint8
    assert seen.pixels.shape == (seen.height, seen.width, 3)
