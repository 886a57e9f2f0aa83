"""Reads many photos from one form, one at a time as they stream in.

The form is never held whole: the current photo and those waiting to be analysed fit within one
share of the upload memory, taken before the body is read. When that share is full, reading pauses
until a photo has been analysed. So the model should be named before the photos, in the form or the
address; if it comes later, only as many photos as fit can precede it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from fovea.server.engine.budget import Budget
from fovea.server.http.form import Form
from fovea.server.http.parameters import unknown_name
from fovea.server.http.upload import MAX_FIELD_BYTES, chunks, field_too_large
from fovea.server.problems import (
    EmptyImage,
    InvalidParameter,
    MalformedBody,
    MissingImage,
    Problem,
    TooLarge,
    UnsupportedFormat,
)

FIELDS = ("image", "model")
LONGEST_NAME = 200
PIECE = 65_536
"""Maximum bytes of one chunk of the body."""


@dataclass(eq=False, slots=True)
class ReceivedPhoto:
    """A photo of the form: file name, and its bytes or its problem."""

    name: str
    photo: bytes | Problem


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits: number of photos, bytes of each, bytes of the whole body."""

    photos: int
    photo_bytes: int
    body_bytes: int

    def share(self, request: Request, uploads: Budget) -> int:
        """Upload memory that reading this request takes."""
        declared = request.headers.get("content-length", "")
        known = declared.isascii() and declared.isdigit()
        expected = int(declared) if known else self.body_bytes
        return min(
            expected + PIECE, max(self.photo_bytes + PIECE, uploads.nbytes // 4), uploads.nbytes
        )


def boundary_of(request: Request) -> bytes:
    """The form's boundary; raises UnsupportedFormat for another kind of body."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise UnsupportedFormat(
            "Photos of a batch are sent as multipart/form-data: many files 'image', one field "
            "'model'.",
            accepted=["multipart/form-data"],
        )
    return options.get(b"boundary", b"")


@dataclass(eq=False)
class Photos:
    """The photos of a form, in order. model: the value of that field once it has arrived.

    share: the upload memory held for it.
    """

    request: Request
    uploads: Budget
    bounds: Bounds
    share: int
    model: str | None = None

    async def __aiter__(self) -> AsyncIterator[tuple[list[ReceivedPhoto], int]]:
        """After each chunk of the body, the photos completed by it and the bytes held of the
        unfinished one. Raises a Problem for an invalid form.
        """
        most = min(self.bounds.photo_bytes, self.share)
        form = _Photos(boundary_of(self.request), most, self.bounds.photos)
        async for chunk in chunks(self.request, self.uploads):
            form.write(chunk)
            self.model = form.model or self.model
            yield form.take(), form.coming
        form.end()
        if not form.count:
            raise MissingImage(
                "The form has no file part named 'image'.",
                hint="Send each photo as a file part named 'image'.",
            )


class _Photos(Form):
    def __init__(self, boundary: bytes, most_bytes: int, most_photos: int) -> None:
        super().__init__(boundary)
        self.most_bytes, self.most_photos = most_bytes, most_photos
        self.model: str | None = None
        self.count = 0
        self._sent: list[ReceivedPhoto] = []
        self._part, self._filename = "", ""
        self._data = bytearray()
        self._large = 0
        self._named = False

    @property
    def coming(self) -> int:
        """Bytes held of the unfinished part."""
        return len(self._data)

    def take(self) -> list[ReceivedPhoto]:
        """The photos that have arrived since the last call."""
        sent, self._sent = self._sent, []
        return sent

    def begin(self, name: str, filename: str) -> None:
        if name not in FIELDS:
            raise unknown_name("field", name, FIELDS)
        if name == "model" and self._named:
            raise MalformedBody("The form has the field 'model' twice; give it once.")
        if name == "image" and self.count >= self.most_photos:
            raise TooLarge(
                f"A batch has at most {self.most_photos:,} photos.",
                hint="Send the rest as another batch.",
                limit=self.most_photos,
                headers={"Connection": "close"},
            )
        self._named = self._named or name == "model"
        self._part, self._filename = name, filename
        self._data, self._large = bytearray(), 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == "model" and len(self._data) + end - start > MAX_FIELD_BYTES:
            raise field_too_large("The field 'model'")
        if self._large or len(self._data) + end - start > self.most_bytes:
            # Keep reading without storing it: the photos after it are valid.
            self._large = (self._large or len(self._data)) + end - start
            self._data = bytearray()
            return
        self._data += memoryview(data)[start:end]

    def on_part_end(self) -> None:
        data, self._data = self._data, bytearray()
        if self._part == "model":
            self.model = data.decode("utf-8", "replace").strip() or None
            return
        photo: bytes | Problem = bytes(data)
        if self._large:
            photo = TooLarge(
                f"The photo is larger than {self.most_bytes:,} bytes.",
                limit=self.most_bytes,
                actual=self._large,
            )
        elif not data:
            photo = EmptyImage("The photo has no bytes.")
        name = self._filename.replace("\\", "/").rsplit("/", 1)[-1][:LONGEST_NAME]
        self._sent.append(ReceivedPhoto(name or str(self.count), photo))
        self.count += 1


def one_model(asked: str | None, named: str | None) -> str | None:
    """The model named by the address or the form; raises InvalidParameter if they differ."""
    if asked is not None and named is not None and asked != named:
        raise InvalidParameter(
            f"model is {asked[:50]!r} in the address and {named[:50]!r} in the form; give it once.",
            parameter="model",
        )
    return named or asked
