"""What stands around a photo in its file, and what other files truly are."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fovea.server import problems
from fovea.server.intake import jpeg
from fovea.server.intake.containers import accepted
from tests.server.imaging.conftest import encoded, noise, photo

RUBBISH = np.random.default_rng(5).integers(0, 256, 400_000, np.uint8).tobytes()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("hidden.bin", RUBBISH)
    return buffer.getvalue()


BEHIND = {
    "a video": b"\0\0\0\x18ftypmp42" + RUBBISH,
    "an archive": archive(),
    "another picture": encoded(noise(), "JPEG") + RUBBISH,
    "400,000 bytes": b"SEFT" + RUBBISH[4:],
}


@pytest.mark.parametrize("what", BEHIND)
@pytest.mark.parametrize("progressive", [False, True])
def test_what_lies_behind_a_jpeg_does_not_matter(what: str, progressive: bool) -> None:
    alone = encoded(noise(), "JPEG", progressive=progressive)
    seen = photo(alone + BEHIND[what])
    assert np.array_equal(seen.pixels, photo(alone).pixels)
    assert seen.warnings == (
        f"Behind the photo's end the file holds {what}; only the photo was read.",
    )


def test_filling_behind_the_end_is_nothing() -> None:
    assert photo(encoded(noise(), "JPEG") + bytes(2000)).warnings == ()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_the_outline_of_a_jpeg(options: dict[str, Any]) -> None:
    exif = Image.Exif()
    exif[0x010E] = "\u00ff\u00da text that looks like a scan"
    data = encoded(noise(200, 300), "JPEG", exif=exif, **options)
    found = jpeg.outline(data + RUBBISH)
    assert found.end == len(data)
    assert found.progressive == ("progressive" in options)
    assert found.scans == 1 or found.progressive
    assert (found.depth, found.components, found.kind) == (8, 3, None)
    assert jpeg.outline(data[: len(data) // 2]).end is None


def test_a_jpeg_of_12_bits_is_not_called_damaged() -> None:
    data = encoded(noise(), "JPEG")
    at = data.index(b"\xff\xc0")
    for changed, named in (
        (data[: at + 4] + b"\x0c" + data[at + 5 :], "12-bit"),
        (data[:at] + b"\xff\xc3" + data[at + 2 :], "lossless"),
        (data[:at] + b"\xff\xf7" + data[at + 2 :], "JPEG-LS"),
    ):
        with pytest.raises(problems.UnsupportedFormat, match=named):
            photo(changed)


@pytest.mark.parametrize("major", [b"mif1", b"msf1", b"miaf", b"MA1B"])
def test_an_avif_by_any_brand(major: bytes) -> None:
    data = encoded(noise(), "AVIF")
    assert b"avif" in data[16:40]
    seen = photo(data[:8] + major + data[12:])
    assert np.array_equal(seen.pixels, photo(data).pixels)


@pytest.mark.parametrize("head", [
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    b"\0\0\0\x18ftypmif1\0\0\0\0mif1heix",
])  # fmt: skip
def test_a_heic_without_a_decoder_is_told_so(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fovea.server.intake.containers.opens_heif", lambda: False)
    with pytest.raises(problems.UnsupportedFormat, match="HEIC photo") as raised:
        photo(head + bytes(100))
    assert "pillow-heif" in str(raised.value.hint)
    assert "HEIF" not in raised.value.extra["accepted"]


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="an extra")
def test_a_heic_with_its_decoder() -> None:
    import pillow_heif  # type: ignore[import-not-found, unused-ignore]

    assert "HEIF" in accepted()
    pixels = np.full((32, 48, 3), (200, 100, 50), np.uint8)
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(buffer, quality=95)
    seen = photo(buffer.getvalue())
    assert (seen.width, seen.height, seen.format) == (48, 32, "HEIF")
    assert np.abs(seen.pixels.astype(int) - pixels).max() <= 6


@pytest.mark.parametrize(("start", "named"), [
    (b"%PDF-1.7\n", "a PDF document"),
    (b"8BPS\0\1", "a Photoshop document"),
    (b"\n <svg xmlns=''/>", "an SVG drawing"),
    (b"\0\0\0\x20ftypisom", "a video"),
    (b"\0\0\0\x18ftypcrx ", "a raw photo of a Canon camera"),
    (b"FUJIFILMCCD-RAW 0201", "a raw photo of a Fujifilm camera"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
])  # fmt: skip
def test_other_files_are_called_what_they_are(start: bytes, named: str) -> None:
    with pytest.raises(problems.UnsupportedFormat, match=named):
        photo(start + bytes(64))


# Opened images ----------------------------------------------------------------------------------


def files() -> dict[str, bytes]:
    rotated = Image.Exif()
    rotated[0x0112] = 6
    clear = Image.fromarray(noise()).copy()
    clear.putalpha(40)
    palette = Image.fromarray(noise()).quantize(16)
    wide = Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60) * 27)
    from tests.server.imaging.test_profiles import P3_TO_XYZ, profile

    return {
        "turned jpeg": encoded(noise(), "JPEG", exif=rotated),
        "turned tiff": encoded(noise(), "TIFF", exif=rotated),
        "clear png": encoded(clear, "PNG"),
        "clear palette": encoded(palette, "PNG", transparency=3),
        "clear gif": encoded(palette, "GIF", transparency=3),
        "16 bits": encoded(wide, "PNG"),
        "profile": encoded(noise(), "WEBP", lossless=True, icc_profile=profile(P3_TO_XYZ)),
        "ink": encoded(Image.fromarray(noise()).convert("CMYK"), "JPEG"),
    }


@pytest.mark.parametrize("name", files())
@pytest.mark.parametrize("decoded", [False, True])
def test_an_opened_image_is_read_as_its_file(name: str, decoded: bool) -> None:
    from fovea import read_photo

    data = files()[name]
    image = Image.open(io.BytesIO(data))
    if decoded:
        image.load()
    assert np.array_equal(read_photo(image), photo(data).pixels)


def test_what_was_done_to_an_opened_image_is_seen() -> None:
    from fovea import read_photo

    image = Image.open(io.BytesIO(encoded(noise(), "PNG")))
    image.paste((255, 0, 0), (0, 0, *image.size))
    assert read_photo(image)[0, 0].tolist() == [255, 0, 0]
    assert read_photo(image.resize((6, 4))).shape == (4, 6, 3)


# Memory -----------------------------------------------------------------------------------------


def peak_bytes(data: bytes) -> int:
    """What a fork of this process needs more while it decodes, as Linux counts it."""
    import ctypes

    from fovea.server.intake.imaging import decode

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ctypes.CDLL(None).malloc_trim(0)
            before = resident("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")
            decode(data, 10**8)
            os.write(writing, str(resident("VmHWM") - before).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as file:
        return int(file.read())


def resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(name))
    return int(line.split()[1]) * 1024


def large() -> dict[str, bytes]:
    import tifffile

    small = noise(100, 150)
    image = Image.fromarray(small).resize((3000, 2000), Image.Resampling.NEAREST)
    turned = Image.Exif()
    turned[0x0112] = 8
    buffer = io.BytesIO()
    floats = np.asarray(image).astype(np.float32) / 255
    tifffile.imwrite(buffer, floats, photometric="rgb", compression="zlib")
    return {
        "rgba": encoded(image.convert("RGBA"), "PNG"),
        "turned": encoded(image, "JPEG", exif=turned),
        "progressive": encoded(image, "JPEG", progressive=True, subsampling=0),
        "webp": encoded(image, "WEBP", method=0),
        "avif": encoded(image, "AVIF", speed=10),
        "bilevel": encoded(image.convert("1"), "TIFF", compression="group4"),
        "floats": buffer.getvalue(),
    }


def peaks() -> dict[str, tuple[int, int]]:
    """Of every picture the bytes foretold and those taken."""
    from fovea.server.intake.cost import decoding_bytes

    return {name: (decoding_bytes(data), peak_bytes(data)) for name, data in large().items()}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux counts the peak")
def test_what_decoding_takes_is_known_beforehand() -> None:
    """At the peak no more than was foretold, and not so little that the foretelling is idle.

    In a process of its own: what other tests have left in this one's heap would be counted.
    """
    asked = f"import json; from {__name__} import peaks; print(json.dumps(peaks()))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found) == 7
    for name, (foretold, taken) in found.items():
        assert taken <= foretold * 1.05, (name, taken, foretold)
        assert taken >= foretold * 0.3, (name, taken, foretold)


def test_a_bomb_is_known_from_its_header() -> None:
    from fovea.server.intake.cost import decoding_bytes

    bilevel = encoded(Image.new("1", (8000, 8000)), "TIFF", compression="group4")
    assert decoding_bytes(bilevel) > 64_000_000 * 4
    assert decoding_bytes(b"no photo") < 100
