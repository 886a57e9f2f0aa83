"""Bytes → photo: recognised by content, checked before decoding, upright, sRGB, 8 bits.

The steps are the body of `decode`, in order. Any bytes lead to a Photo or to a Problem with a 4xx
status; `Photo.warnings` names changes that the user may not expect.
"""

from __future__ import annotations

import hashlib
import io
import warnings as python_warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from fovea.models.catalog.weights.weights import is_pickle
from fovea.server.intake import containers, jpeg, numbered_boxes, png, tiff
from fovea.server.intake.colour import to_srgb
from fovea.server.intake.floods import check_parts
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
"""Maximum aspect ratio; beyond it the network would see only a few pixels of the short side."""

EXIF_ORIENTATION = 0x0112
SEVERAL = "The file has several frames or pages; the first one was taken."

# Exif orientation → function that gives, of an upright photo, the view stored in the file (Exif
# 2.32, 4.6.4 A, tag 0x0112).
STORED: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, 1),
    7: lambda pixels: np.rot90(pixels, 2).transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels, -1),
}
TURNED = (5, 6, 7, 8)
"""Orientations that swap width and height."""


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Photo:
    """The photo that is analysed and drawn on. pixels: (row, column, 3) sRGB; digest: of the
    pixels.
    """

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
    """Sets the process-wide Pillow switches that this module relies on.

    Truncated files must fail, and the exact size limit is a setting of ours, so Pillow's own is
    disabled.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = None
    Image.init()
    # Pillow's warnings about damaged files become problems or warnings for the client.
    python_warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(data: bytes, max_pixels: int) -> Photo:
    """The photo in `data`; raises a BadPhoto that explains what is wrong."""
    if not data:
        raise EmptyImage("The photo has no bytes.")
    file_format = containers.sniff(data)
    if file_format is None or file_format not in containers.accepted():
        if is_pickle(data[:512]):
            raise UnsafeCheckpoint("This is a PyTorch checkpoint, a pickle, and no photo.")
        raise containers.refusal(data)
    notes: list[str] = []
    with faults_are_the_photos(file_format), opened(data, file_format, max_pixels, notes) as image:
        return finished(image, file_format, notes)


@contextmanager
def opened(
    data: bytes, file_format: str, max_pixels: int, notes: list[str]
) -> Iterator[Image.Image]:
    """The image opened by Pillow and checked, but not decoded if Pillow decodes it."""
    info: dict[str, Any] = {}
    check_parts(data, file_format)
    if file_format == "PNG":
        aside = png.set_aside(data)
        data, info = aside.data, aside.info
        notes += aside.notes
    elif file_format == "JPEG":
        found = jpeg.outline(data)
        containers.check_jpeg(found)
        notes += jpeg.about_the_rest(data, found.end)
    elif file_format in ("AVIF", containers.HEIF):
        info = numbered_boxes.colours(data)
        data = containers.for_pillow(data, file_format)
    containers.check_structure(data, file_format)
    if file_format == "TIFF" and (odd := _odd_tiff(data, max_pixels, notes)) is not None:
        yield odd
        return
    with Image.open(io.BytesIO(data), formats=[file_format]) as image:
        _check_size(*image.size, max_pixels)
        if several := _about_frames(image):
            notes[:] = several  # the other pictures of an MPO lie behind the first
        if file_format == "PNG":
            png.scale_transparency(image, data)
        image.info.update(info)
        yield image


def _odd_tiff(data: bytes, max_pixels: int, notes: list[str]) -> Image.Image | None:
    """The image, if Pillow cannot decode it or decodes it wrongly."""
    head = tiff.header(data)
    if head.photometric in tiff.SENSOR:
        raise UnsupportedFormat(
            "This is a raw photo of a camera: what its sensor counted, with no preview in front.",
            hint="Develop it, and save it as JPEG or TIFF.",
            accepted=list(containers.accepted()),
        )
    if head.of_a_raw_photo:
        notes.append(
            f"This is a raw photo of a camera; its preview of {head.width} × {head.height} pixels "
            "was taken."
        )
        if (inside := tiff.preview(data, head)) is not None:
            image = Image.open(io.BytesIO(inside), formats=["JPEG"])
            _check_size(*image.size, max_pixels)
            notes[-1] = notes[-1].replace(
                f"{head.width} × {head.height}", f"{image.width} × {image.height}"
            )
            return tiff.turned(image, head)
    _check_size(head.width, head.height, max_pixels)
    if tiff.is_for_pillow(head):
        return None
    if head.several:
        notes.append(SEVERAL)
    return tiff.turned(tiff.read(data, head, notes), head)


def finished(image: Image.Image, file_format: str, notes: list[str]) -> Photo:
    """The photo of an opened image: upright, in sRGB."""
    image.load()
    orientation = _orientation(image, notes)
    width, height = image.size
    if orientation in TURNED:
        width, height = height, width
    # The upright photo is the only full copy: strips are written into a view of it in the file's
    # orientation.
    pixels = np.empty((height, width, 3), np.uint8)
    stored = STORED[orientation](pixels) if orientation in STORED else pixels
    to_srgb(image, stored, notes)
    return Photo(pixels, digest_of(pixels), file_format, tuple(notes))


def of_image(image: Image.Image, max_pixels: int) -> Photo:
    """The photo of an opened Pillow image, equal to that of its file: read from the file if that is
    still possible and the image is unmodified, else from Pillow's pixels.
    """
    file_format = image.format or "image"
    with faults_are_the_photos(file_format):
        if (data := _untouched_file(image)) is not None and containers.sniff(data) is not None:
            return decode(data, max_pixels)
        _check_size(*image.size, max_pixels)
        return finished(image, file_format, [])


def _untouched_file(image: Image.Image) -> bytes | None:
    """The bytes of the file of a Pillow image that has not been decoded.

    Pillow clears `tile` (the pixels' position) when it decodes, and a modified image was decoded
    before.
    """
    stream = getattr(image, "fp", None)
    waiting = isinstance(image, ImageFile.ImageFile) and bool(image.tile)
    if not waiting or stream is None or image.format not in ("PNG", "TIFF") or image.tell():
        return None
    at = stream.tell()
    try:
        stream.seek(0)
        data: bytes = stream.read()
        return data
    finally:
        stream.seek(at)


@contextmanager
def faults_are_the_photos(file_format: str) -> Iterator[None]:
    """Converts whatever Pillow raises into a problem of the photo.

    For damaged files its plugins raise OSError, SyntaxError, ValueError, struct.error, KeyError,
    IndexError, OverflowError and others, so nothing narrower than Exception is enough.
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
        if _is_beyond_the_decoder(error):
            said = " ".join(str(error).split())[:200].rstrip(".")
            raise UnsupportedFormat(
                f"The {file_format} file is of a kind that is not decoded here ({said}).",
                accepted=list(containers.accepted()),
            ) from error
        raise CorruptImage(f"The {file_format} file is damaged and cannot be decoded.") from error


def _is_beyond_the_decoder(error: Exception) -> bool:
    """Whether Pillow reports an unsupported feature rather than damage."""
    text = str(error).lower()
    return any(
        phrase in text
        for phrase in ("unsupported", "not supported", "not yet supported", "cannot handle")
    )


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
    # n_frames would read the whole file for a GIF; testing for a second frame is enough.
    if image.format == "MPO":
        return ["The file holds several pictures; the first one was taken."]
    if getattr(image, "is_animated", False):
        return [SEVERAL]
    return []


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        value: Any = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # as above, for a part that is optional
        notes.append("The camera's notes (EXIF) are damaged and were ignored.")
        return 1
    return value if isinstance(value, int) else 1


def digest_of(pixels: Pixels) -> str:
    """Equal for equal pixels of equal shape."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return digest.hexdigest()
