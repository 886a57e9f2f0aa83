"""Colours that a PNG or AVIF gives in numbers, against the formulas of their standards."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.server.imaging.conftest import chunk, encoded, noise, photo, png
from tests.server.imaging.test_profiles import P3_TO_XYZ, SRGB_TO_XYZ, profile, srgb_encode

# ITU-R BT.2087 gives the matrix between the two primaries of television.
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)


def with_chunks(pixels: Any, *extra: bytes, **options: Any) -> bytes:
    data = encoded(pixels, "PNG", **options)
    return data[:33] + b"".join(extra) + data[33:]


def gama(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def chrm(*numbers: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(n * 100_000) for n in numbers)))


def cicp(*numbers: int) -> bytes:
    return chunk(b"cICP", bytes(numbers))


ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
# IEC 61966-2-5, annex A, to sRGB's primaries.
ADOBE_TO_SRGB = np.array([[1.3983, -0.3983, 0], [0, 1, 0], [0, -0.0429, 1.0429]])
SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


def expected(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return srgb_encode(light.clip(0, 1)) * 255


def furthest(seen: NDArray[np.uint8], right: NDArray[np.float64]) -> float:
    return float(np.abs(seen.astype(float) - right).max())


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 1 / 2.6])
def test_gamma(gamma: float) -> None:
    pixels = noise()
    seen = photo(with_chunks(pixels, gama(gamma))).pixels
    assert furthest(seen, expected((pixels / 255) ** (1 / gamma))) <= 1


def test_the_gamma_that_writers_call_srgb_changes_nothing() -> None:
    pixels = noise()
    assert np.array_equal(photo(with_chunks(pixels, gama(0.45455), chrm(*SRGB))).pixels, pixels)


def test_gamma_of_16_bit_grey_keeps_the_dark_apart() -> None:
    levels = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    data = png(16, 16, 16, 0, [row.tobytes() for row in levels.astype(">u2")], gama(1.0))
    seen = photo(data).pixels[..., 0].astype(float)
    assert np.abs(seen - expected(levels / 65535)).max() <= 1


def test_gamma_of_a_palette_and_of_transparent_colours() -> None:
    rgba = np.array([[(10, 100, 200, 255), (10, 100, 200, 0)]], np.uint8)
    seen = photo(with_chunks(rgba, gama(1.0))).pixels[0]
    assert furthest(seen[0], expected(np.array([10, 100, 200]) / 255)) <= 1
    assert seen[1].tolist() == [255, 255, 255]
    image = Image.fromarray(rgba[..., :3]).quantize(2)
    assert furthest(photo(with_chunks(image, gama(1.0))).pixels[0, 0], seen[0].astype(float)) <= 1


def test_primaries_with_gamma() -> None:
    pixels = noise()
    seen = photo(with_chunks(pixels, gama(1 / 1.8), chrm(*ADOBE))).pixels
    light = (pixels / 255) ** 1.8 @ ADOBE_TO_SRGB.T
    assert furthest(seen, expected(light)) <= 1.6


def test_display_p3_by_number_is_display_p3_by_profile() -> None:
    pixels = noise()
    light = srgb_light(pixels) @ P3_TO_XYZ.T @ np.linalg.inv(SRGB_TO_XYZ).T
    assert furthest(photo(with_chunks(pixels, cicp(12, 13, 0, 1))).pixels, expected(light)) <= 1.6


def srgb_light(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    level = pixels / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def test_linear_television_colours() -> None:
    pixels = noise()
    seen = photo(with_chunks(pixels, cicp(9, 8, 0, 1))).pixels
    assert furthest(seen, expected(pixels / 255 @ BT2020_TO_BT709.T)) <= 1.6


def test_high_dynamic_range_is_cut_at_paper_white_and_says_so() -> None:
    """SMPTE ST 2084: the code value of 203 nits is 58 % (ITU-R BT.2408, table 1)."""
    grey = np.array([[[round(0.58 * 255)] * 3, [255] * 3, [0] * 3]], np.uint8)
    seen = photo(with_chunks(grey, cicp(9, 16, 0, 1)))
    assert seen.pixels[0, 0].min() >= 251
    assert seen.pixels[0, 1:].tolist() == [[255] * 3, [0] * 3]
    assert "HDR" in seen.warnings[0]
    three_quarters = np.full((1, 1, 3), 191, np.uint8)
    assert photo(with_chunks(three_quarters, cicp(9, 18, 0, 1))).pixels.min() >= 251


def test_narrow_range() -> None:
    grey = np.array([[[16] * 3, [235] * 3]], np.uint8)
    seen = photo(with_chunks(grey, cicp(1, 13, 0, 0)))
    assert seen.pixels[0].tolist() == [[0] * 3, [255] * 3]


SRGB_CHUNK = chunk(b"sRGB", b"\0")


def test_the_order_of_what_is_heeded() -> None:
    """PNG Third Edition, 4.3: cICP, then iCCP, then sRGB, then gAMA."""
    pixels = noise()
    icc = profile(P3_TO_XYZ)
    by_profile = photo(encoded(pixels, "PNG", icc_profile=icc)).pixels
    linear = photo(with_chunks(pixels, cicp(1, 8, 0, 1))).pixels
    assert furthest(linear, expected(pixels / 255)) <= 1
    seen = photo(with_chunks(pixels, cicp(1, 8, 0, 1), gama(1), icc_profile=icc)).pixels
    assert np.array_equal(seen, linear)
    seen = photo(with_chunks(pixels, gama(1.0), icc_profile=icc)).pixels
    assert np.array_equal(seen, by_profile)
    assert np.array_equal(photo(with_chunks(pixels, SRGB_CHUNK, gama(1.0))).pixels, pixels)
    plain = photo(with_chunks(pixels, cicp(1, 13, 0, 1), gama(1.0), icc_profile=icc)).pixels
    assert np.array_equal(plain, pixels)


@pytest.mark.parametrize("numbers", [(99, 13, 0, 1), (12, 99, 0, 1), (12, 13, 5, 1)])
def test_unknown_numbers_are_ignored_and_named(numbers: tuple[int, ...]) -> None:
    pixels = noise()
    seen = photo(with_chunks(pixels, cicp(*numbers)))
    assert np.array_equal(seen.pixels, pixels)
    assert f"{numbers[0]}/{numbers[1]}/{numbers[2]}" in seen.warnings[0]


@pytest.mark.parametrize("extra", [gama(0), chrm(*[0.0] * 8), chrm(*[0.3] * 8)])
def test_senseless_numbers_are_ignored_with_a_warning(extra: bytes) -> None:
    pixels = noise()
    seen = photo(with_chunks(pixels, extra))
    assert np.array_equal(seen.pixels, pixels)
    assert "ignored" in seen.warnings[0]


def test_the_numbers_of_an_avif() -> None:
    pixels = np.full((32, 32, 3), (180, 90, 60), np.uint8)
    data = encoded(pixels, "AVIF", quality=100)
    at = data.index(b"colrnclx") + 8
    wide = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]
    light = srgb_light(pixels) @ P3_TO_XYZ.T @ np.linalg.inv(SRGB_TO_XYZ).T
    assert furthest(photo(wide).pixels, expected(light)) <= 4
    assert np.abs(photo(data).pixels.astype(int) - pixels).max() <= 3


def test_an_opened_image_has_the_colours_of_its_file() -> None:
    from fovea import read_photo

    for extra in (gama(1.0), cicp(12, 13, 0, 1)):
        data = with_chunks(noise(), extra)
        assert np.array_equal(read_photo(Image.open(io.BytesIO(data))), photo(data).pixels)


# Large and broken chunks ------------------------------------------------------------------------


def test_a_profile_of_megabytes_is_applied() -> None:
    icc = profile(P3_TO_XYZ)
    pixels = noise()
    small = photo(encoded(pixels, "PNG", icc_profile=icc)).pixels
    large = photo(encoded(pixels, "PNG", icc_profile=icc + bytes(3_000_000)))
    assert np.array_equal(large.pixels, small)
    assert large.warnings == ()


def test_a_profile_beyond_all_measure_is_ignored() -> None:
    pixels = noise()
    body = b"icc\0\0" + zlib.compress(profile(P3_TO_XYZ) + bytes(40_000_000))
    seen = photo(with_chunks(pixels, chunk(b"iCCP", body)))
    assert np.array_equal(seen.pixels, pixels)
    assert "larger than 16 MB" in seen.warnings[0]


@pytest.mark.parametrize("tag", [b"rTRC", b"gXYZ", b"wtpt"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_a_profile_that_lacks_a_part(tag: bytes, file_format: str) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(tag, b"xxxx")
    pixels = noise()
    options = {"lossless": True} if file_format == "WEBP" else {}
    seen = photo(encoded(pixels, file_format, icc_profile=icc, **options))
    assert np.abs(seen.pixels.astype(int) - pixels).max() <= 2
    assert tag == b"wtpt" or "profile" in seen.warnings[0]


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt"])
def test_texts_of_megabytes_do_not_matter(name: bytes) -> None:
    text = b"1" * 2_000_000
    body = {
        b"tEXt": b"Comment\0" + text,
        b"zTXt": b"Comment\0\0" + zlib.compress(text),
        b"iTXt": b"workflow\0\1\0\0\0" + zlib.compress(text),
    }[name]
    pixels = noise()
    seen = photo(with_chunks(pixels, chunk(name, body)))
    assert np.array_equal(seen.pixels, pixels)


def test_the_transparent_level_of_few_bits() -> None:
    row = bytes([0x0F, 0xA0])
    data = png(4, 1, 4, 0, [row], chunk(b"tRNS", struct.pack(">H", 10)))
    assert photo(data).pixels[0, :, 0].tolist() == [0, 255, 255, 0]


def test_the_transparent_colour_of_16_bits() -> None:
    row = np.array([[65535, 0, 0], [0, 65535, 0]], ">u2").tobytes()
    data = png(2, 1, 16, 2, [row], chunk(b"tRNS", struct.pack(">3H", 65535, 0, 0)))
    assert photo(data).pixels[0].tolist() == [[255, 255, 255], [0, 255, 0]]
