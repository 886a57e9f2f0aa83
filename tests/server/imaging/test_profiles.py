"""Colour profiles: what they say is done, and what is broken is ignored with a warning."""

import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.server.imaging.conftest import UPRIGHT, encoded, noise, photo

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
