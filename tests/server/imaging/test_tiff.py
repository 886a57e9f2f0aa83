"""TIFFs of scanners, microscopes and satellites, against the samples in them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from fovea.server import problems
from tests.server.imaging.conftest import encoded, noise, photo

HEIGHT, WIDTH = 37, 53


def tiff(samples: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


def ramp(*bands: int) -> NDArray[np.float64]:
    """Values of 0…1 without two rows, columns or bands alike."""
    shape = (HEIGHT, WIDTH, *bands)
    values = np.random.default_rng(3).random(shape)
    values.flat[0], values.flat[-1] = 0, 1
    return values


def levels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    grey = np.rint(255 * values)
    return np.repeat(grey[..., None], 3, axis=2) if grey.ndim == 2 else grey


def furthest(seen: NDArray[np.uint8], expected: NDArray[np.float64]) -> float:
    return float(np.abs(seen.astype(float) - expected).max())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_white_is_zero(bits: int, order: Any) -> None:
    values = ramp()
    samples = np.rint((1 - values) * (2**bits - 1)).astype(f"{order}u{bits // 8}")
    seen = photo(tiff(samples, photometric="miniswhite", byteorder=order))
    assert furthest(seen.pixels, levels(values)) <= 1
    assert seen.warnings == ()


@pytest.mark.parametrize("largest", [1023, 4095, 16383])
@pytest.mark.parametrize("bands", [(), (3,)])
def test_the_largest_sample_is_white(largest: int, bands: tuple[int, ...]) -> None:
    values = ramp(*bands)
    samples = np.rint(values * largest).astype(np.uint16)
    kind = "rgb" if bands else "minisblack"
    seen = photo(tiff(samples, photometric=kind, extratags=[(281, "H", 1, largest, True)]))
    assert furthest(seen.pixels, levels(values)) <= 1
    assert f"0 to {largest}" in seen.warnings[0]


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_samples(bits: int) -> None:
    """Samples bit after bit, each row from a byte of its own."""
    values = ramp()
    samples = np.rint(values * (2**bits - 1)).astype(np.uint32)
    each = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    packed = np.packbits(each.reshape(HEIGHT, -1).astype(np.uint8), axis=1).tobytes()
    seen = photo(by_hand(packed, bits, 1))
    assert furthest(seen.pixels, levels(values)) <= 1


def by_hand(
    data: bytes, bits: int, photometric: int, *extra: tuple[int, int], order: str = ">"
) -> bytes:
    """A TIFF of one strip of grey."""
    tags = {256: WIDTH, 257: HEIGHT, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1,
            278: HEIGHT, 279: len(data)} | dict(extra)  # fmt: skip
    body = data + b"\0" * (len(data) % 2)
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    mark = b"MM" if order == ">" else b"II"
    return struct.pack(f"{order}2sHI", mark, 42, 8 + len(body)) + body + directory


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("bands", [(), (3,)])
def test_floats(kind: str, bands: tuple[int, ...]) -> None:
    values = ramp(*bands)
    order: Any = kind[0]
    samples = values.astype(kind)
    photometric = "rgb" if bands else "minisblack"
    seen = photo(tiff(samples, photometric=photometric, byteorder=order))
    assert furthest(seen.pixels, levels(values)) <= 1
    assert seen.warnings == ()


def test_floats_beyond_one_are_scaled_together() -> None:
    values = ramp(3)
    seen = photo(tiff((values * 40 - 10).astype(np.float32), photometric="rgb"))
    assert furthest(seen.pixels, levels(values)) <= 1
    assert seen.warnings == ("Brightness -10 to 30 was scaled to black and white.",)


@pytest.mark.parametrize("bands", [3, 5, 7])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_more_bands_and_planes(bands: int, planar: Any, kind: Any) -> None:
    values = ramp(bands)
    samples = np.rint(values * np.iinfo(kind).max).astype(kind)
    stored = samples if planar == "contig" else np.moveaxis(samples, -1, 0)
    extra = ["unspecified"] * (bands - 3)
    data = tiff(stored, photometric="rgb", planarconfig=planar, extrasamples=extra, rowsperstrip=8)
    seen = photo(data)
    assert furthest(seen.pixels, levels(values[..., :3])) <= 1
    expected = f"The TIFF has {bands} bands; the first three were taken as red, green and blue."
    assert seen.warnings in ((), (expected,))
    assert seen.warnings or bands == 3 or (kind is np.uint8 and planar == "contig")


def test_bands_of_brightness_are_taken_as_colours() -> None:
    values = ramp(6)
    samples = np.rint(values * 65535).astype(np.uint16)
    seen = photo(tiff(samples, photometric="minisblack", planarconfig="contig"))
    assert furthest(seen.pixels, levels(values[..., :3])) <= 1
    assert "6 bands" in seen.warnings[0]


@pytest.mark.parametrize("straight", [True, False])
def test_opacity_of_16_bits_planes_apart(straight: bool) -> None:
    values = ramp(4)
    values[..., 3] = 0.2 + 0.8 * values[..., 3]
    colours = values[..., :3] if straight else values[..., :3] * values[..., 3:]
    samples = np.rint(np.concatenate([colours, values[..., 3:]], -1) * 65535).astype(np.uint16)
    data = tiff(
        np.moveaxis(samples, -1, 0), photometric="rgb", planarconfig="separate",
        extrasamples=["unassalpha" if straight else "assocalpha"],
    )  # fmt: skip
    on_white = values[..., :3] * values[..., 3:] + 1 - values[..., 3:]
    seen = photo(data)
    assert furthest(seen.pixels, levels(on_white)) <= 3
    assert seen.warnings == ("Transparent parts were laid on white.",)


@pytest.mark.parametrize("options", [
    {"bigtiff": True},
    {"bigtiff": True, "byteorder": ">"},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": True},
    {"compression": "zlib", "predictor": True, "byteorder": ">"},
    {"tile": (16, 32)},
    {"tile": (16, 32), "compression": "zlib", "predictor": True},
    {"compression": "zlib", "rowsperstrip": 5},
])  # fmt: skip
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_however_it_is_stored(options: dict[str, Any], kind: Any) -> None:
    values = ramp(5)
    most = 1 if kind is np.float32 else np.iinfo(kind).max
    samples = (values * most if most == 1 else np.rint(values * most)).astype(kind)
    if kind is np.float32:
        options = {name: value for name, value in options.items() if name != "predictor"}
    data = tiff(samples, photometric="minisblack", planarconfig="contig", **options)
    assert furthest(photo(data).pixels, levels(values[..., :3])) <= 1


@pytest.mark.parametrize("compression", [(5, "tiff_lzw"), (32773, "packbits"), (1, None)])
def test_16_bits_with_differences(compression: tuple[int, str | None]) -> None:
    """Compressed by libtiff: bytes of 16-bit differences, as a grey picture twice as wide."""
    values = ramp()
    samples = np.rint((1 - values) * 65535).astype("<u2")
    differences = np.diff(samples, axis=1, prepend=np.zeros((HEIGHT, 1), "<u2")).astype("<u2")
    number, name = compression
    inner = encoded(differences.view(np.uint8), "TIFF", compression=name, strip_size=1 << 20)
    tags: Any = Image.open(io.BytesIO(inner)).tag_v2  # type: ignore[attr-defined]
    (start,), (size,) = tags[273], tags[279]
    data = by_hand(inner[start : start + size], 16, 0, (259, number), (317, 2), order="<")
    assert furthest(photo(data).pixels, levels(values)) <= 1


@pytest.mark.parametrize("kind", ["f2", "f4"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_floats_with_differences(kind: str, order: str) -> None:
    """Adobe's Technical Note 3: bytes of a row by significance, then differences of bytes."""
    values = ramp().astype(f">{kind}")
    spread = values.view(np.uint8).reshape(HEIGHT, WIDTH, -1).transpose(0, 2, 1)
    row = spread.reshape(HEIGHT, -1)
    differences = np.diff(row, axis=1, prepend=np.zeros((HEIGHT, 1), np.uint8))
    strip = zlib.compress(differences.astype(np.uint8).tobytes())
    bits = 8 * values.itemsize
    data = by_hand(strip, bits, 1, (259, 8), (317, 3), (339, 3), order=order)
    assert furthest(photo(data).pixels, levels(values.astype(float))) <= 1


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_of_an_odd_tiff_is_undone(orientation: int) -> None:
    values = ramp(5)
    samples = np.rint(values * 65535).astype(np.uint16)
    data = tiff(samples, photometric="minisblack", planarconfig="contig",
                extratags=[(274, "H", 1, orientation, True)])  # fmt: skip
    upright = np.rot90(levels(values[..., :3]), {3: 2, 6: -1}[orientation])
    assert furthest(photo(data).pixels, upright) <= 1


def test_a_dng_shows_its_preview_and_says_so() -> None:
    preview = noise()
    seen = photo(tiff(preview, photometric="rgb", subfiletype=1,
                      extratags=[(50706, "B", 4, (1, 4, 0, 0), True)]))  # fmt: skip
    assert np.array_equal(seen.pixels, preview)
    assert seen.warnings == (
        "This is a raw photo of a camera; its preview of 60 × 40 pixels was taken.",
    )


def test_a_raw_photo_without_a_preview_says_what_it_is() -> None:
    data = by_hand(bytes(2 * HEIGHT * WIDTH), 16, 32803, (50706, 0x01040000))
    with pytest.raises(problems.UnsupportedFormat, match="raw photo of a camera"):
        photo(data)


def test_a_jpeg_preview_of_a_raw_photo_is_opened() -> None:
    pixels = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    jpeg = encoded(pixels, "JPEG", quality=95)
    tags = [(254, 1), (256, 24), (257, 16), (259, 6), (262, 6), (274, 6), (330, 8), (513, 8),
            (514, len(jpeg))]  # fmt: skip
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in tags)
    body = jpeg + b"\0" * (len(jpeg) % 2)
    data = struct.pack(">2sHI", b"MM", 42, 8 + len(body)) + body
    seen = photo(data + struct.pack(">H", len(tags)) + entries + bytes(4))
    assert (seen.width, seen.height) == (16, 24)
    assert np.abs(seen.pixels.astype(int) - (200, 100, 50)).max() <= 4
    assert "preview of 24 × 16 pixels" in seen.warnings[0]


def test_complex_numbers_are_refused_by_name() -> None:
    with pytest.raises(problems.UnsupportedFormat, match="64 bits, format 6"):
        photo(tiff(ramp().astype(np.complex64)))


def test_white_is_zero_of_an_opened_image() -> None:
    from fovea import read_photo

    values = ramp()
    samples = np.rint((1 - values) * 65535).astype("<u2")
    data = tiff(samples, photometric="miniswhite", byteorder="<")
    opened = Image.open(io.BytesIO(data))
    opened.load()
    assert furthest(read_photo(opened), levels(values)) <= 1
