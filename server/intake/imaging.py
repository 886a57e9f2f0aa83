"""Bytes → photo: recognised by content, checked before decoding, upright, sRGB, 8 bits.

The steps, in order, are the body of `decode`. Whatever the bytes are, the outcome is a Photo or a
Problem of the 4xx kind; what was done to the picture that its owner may not expect is told in
`Photo.warnings`.
"""

from __future__ import annotations

import hashlib
import io
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from fovea.models.catalog.weights.weights import is_pickle
from fovea.server.intake.colour import to_srgb
from fovea.server.intake.containers import FORMATS, check_structure, sniff
from fovea.server.problems import (
    BadAspect,
    BadPhoto,
    CorruptImage,
    EmptyImage,
    TooManyPixels,
    TruncatedImage,
    UnsafeCheckpoint,
    UnsupportedFormat,
)

Pixels = NDArray[np.uint8]

MAX_ASPECT = 100
"""Longest side over shortest; beyond it a network would see a few pixels of the short side."""

EXIF_ORIENTATION = 0x0112

# Each entry undoes the orientation that a camera wrote down (Exif 2.32, 4.6.4 A, tag 0x0112).
UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels, 1),
}


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Photo:
    """What is analysed and drawn on. pixels: (row, column, 3) sRGB; digest: of the pixels."""

    pixels: Pixels
    digest: str
    format: str
    warnings: tuple[str, ...]

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


def pin_pillow() -> None:
    """Puts Pillow's process-wide switches where this module relies on them.

    Incomplete files must fail, and the size limit is ours (it is a setting, and exact): Pillow's
    own is off.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = None
    Image.init()
    # What it would say on stderr about damaged files goes to the client, as a problem or a warning.
    python_warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(data: bytes, max_pixels: int) -> Photo:
    """The photo in `data`; raises a BadPhoto that says what is wrong with it."""
    if not data:
        raise EmptyImage("The photo has no bytes.")
    file_format = sniff(data)
    if file_format is None:
        if is_pickle(data[:512]):
            raise UnsafeCheckpoint("This is a PyTorch checkpoint, a pickle, and no photo.")
        raise UnsupportedFormat(
            f"This is none of the accepted formats: {', '.join(FORMATS)}.", accepted=list(FORMATS)
        )
    notes: list[str] = []
    with _faults_are_the_photos(file_format):
        check_structure(data, file_format)
        image = Image.open(io.BytesIO(data), formats=[file_format])
        with image:
            _check_size(*image.size, max_pixels)
            notes += _about_frames(image)
            image.load()
            orientation = _orientation(image, notes)
            pixels = to_srgb(image, notes)
    if orientation in UPRIGHT:
        pixels = UPRIGHT[orientation](pixels)
    # Pillow lends its memory for reading only; torch wants its own.
    pixels = np.require(pixels, requirements=["C", "W"])
    return Photo(pixels, _digest(pixels), file_format, tuple(notes))


@contextmanager
def _faults_are_the_photos(file_format: str) -> Iterator[None]:
    """Turns whatever Pillow raises into a problem of the photo.

    Its plugins raise OSError, SyntaxError, ValueError, struct.error, KeyError, IndexError,
    OverflowError, … for damaged files, so nothing narrower than Exception is enough.
    """
    try:
        yield
    except BadPhoto:
        raise
    except MemoryError as error:
        raise TooManyPixels("There is not enough memory to decode this photo.") from error
    except Exception as error:
        if _ends_early(error):
            raise TruncatedImage(f"The {file_format} file ends before the picture does.") from error
        raise CorruptImage(f"The {file_format} file is damaged and cannot be decoded.") from error


def _ends_early(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, EOFError) or any(
        phrase in text for phrase in ("truncated", "unexpected end", "not enough data", "got end")
    )


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise CorruptImage(f"The photo says that it is {width} × {height} pixels.")
    if width * height > max_pixels:
        raise TooManyPixels(
            f"The photo is {width} × {height} pixels; at most {max_pixels:,} pixels are decoded.",
            limit=max_pixels,
            actual=width * height,
        )
    aspect = max(width, height) / min(width, height)
    if aspect > MAX_ASPECT:
        raise BadAspect(
            f"The photo is {width} × {height} pixels; "
            f"one side may be {MAX_ASPECT} times the other.",
            limit=MAX_ASPECT,
            actual=round(aspect, 2),
        )


def _about_frames(image: Image.Image) -> list[str]:
    # n_frames would read the whole file for a GIF; whether there is a second frame is enough.
    if image.format == "MPO":
        return ["The file holds several pictures; the first one was taken."]
    if getattr(image, "is_animated", False):
        return ["The file has several frames or pages; the first one was taken."]
    return []


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        value: Any = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # The same wealth of exceptions as above, here of a part that is not needed.
        notes.append("The camera's notes (EXIF) are damaged and were ignored.")
        return 1
    return value if isinstance(value, int) else 1


def _digest(pixels: Pixels) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return digest.hexdigest()
