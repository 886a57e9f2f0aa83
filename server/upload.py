"""The photo in a request: a file part of a form, or the body itself. Nothing is written to disk.

The body's size is bounded while it streams (limits.py), so memory is enough, no temporary file is
left behind, and a full disk is no matter. The names of files are not even looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from server.errors import MalformedBody, MissingImage, UnsupportedFormat

MAX_PARTS = 8
MAX_HEADER_BYTES = 16_384
"""File names of several kilobytes are strange, but they are ignored anyway."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The photo's bytes, and the model if the form names one."""

    data: bytes
    model: str | None = None


async def read(request: Request) -> Upload:
    """The upload in the request; raises a Problem for a body that has none."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data":
        return await _read_form(request, options.get(b"boundary", b""))
    if kind.startswith(b"image/") or kind in (b"application/octet-stream", b""):
        return Upload(await request.body())
    raise UnsupportedFormat(
        f"A photo is sent as multipart/form-data or image/*, not {kind.decode('latin-1')[:100]}.",
        accepted=["multipart/form-data", "image/*"],
    )


@dataclass(eq=False, slots=True)
class _Form:
    """Collects the parts of a form by name; the methods are the parser's callbacks."""

    parts: dict[str, bytearray] = field(default_factory=dict)
    complete: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _current: bytearray = field(default_factory=bytearray)

    def on_part_begin(self) -> None:
        self._disposition = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def on_headers_finished(self) -> None:
        name = parse_options_header(self._disposition)[1].get(b"name")
        if name is None:
            raise MalformedBody("A part of the form has no name.")
        if len(self.parts) >= MAX_PARTS or name.decode("latin-1") in self.parts:
            raise MalformedBody(
                "The form has too many parts or one twice; 'image' and 'model' are enough.",
                limit=MAX_PARTS,
            )
        self._current = self.parts[name.decode("latin-1")] = bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._current += memoryview(data)[start:end]

    def on_end(self) -> None:
        self.complete = True


async def _read_form(request: Request, boundary: bytes) -> Upload:
    if not boundary:
        raise MalformedBody("The form's Content-Type names no boundary.")
    form = _Form()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.on_part_begin,
                "on_header_field": form.on_header_field,
                "on_header_value": form.on_header_value,
                "on_header_end": form.on_header_end,
                "on_headers_finished": form.on_headers_finished,
                "on_part_data": form.on_part_data,
                "on_end": form.on_end,
            },
            max_header_size=MAX_HEADER_BYTES,
        )
        async for chunk in request.stream():
            parser.write(chunk)
    except FormParserError as error:
        raise MalformedBody("The form is not well-formed multipart/form-data.") from error
    if not form.complete:
        raise MalformedBody("The form ends before its last part does.")
    if "image" not in form.parts:
        raise MissingImage("The form has no file part named 'image'.")
    model = form.parts.get("model", b"").decode("utf-8", "replace").strip()
    return Upload(bytes(form.parts["image"]), model or None)
