"""The parts of a multipart form, parsed as the body streams in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from fovea.server.problems import MalformedBody

MAX_HEADER_BYTES = 16_384
"""Longer file names are cut; most are ignored anyway."""

CALLBACKS = (
    "on_part_begin", "on_header_field", "on_header_value", "on_header_end", "on_headers_finished",
    "on_part_data", "on_part_end", "on_end",
)  # fmt: skip


class Form(ABC):
    """Collects parts by name; the methods `on_…` are the parser's callbacks."""

    def __init__(self, boundary: bytes) -> None:
        if not boundary:
            raise MalformedBody("The form's Content-Type names no boundary.")
        self.complete = False
        self._header, self._value = bytearray(), bytearray()
        self._disposition = b""
        callbacks: Any = {name: getattr(self, name) for name in CALLBACKS}
        try:
            self._parser = MultipartParser(boundary, callbacks, max_header_size=MAX_HEADER_BYTES)
        except FormParserError as error:
            raise _malformed() from error

    @abstractmethod
    def begin(self, name: str, filename: str) -> None:
        """A part with this name begins; filename is empty if it has none."""

    @abstractmethod
    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """More data of the part."""

    def write(self, chunk: bytes) -> None:
        """Feeds more of the body; raises MalformedBody."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed() from error

    def end(self) -> None:
        """Ends the body; raises MalformedBody if the form is incomplete."""
        if not self.complete:
            raise MalformedBody("The form ends before its last part does.")

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
        options = parse_options_header(self._disposition)[1]
        name = options.get(b"name")
        if name is None:
            raise MalformedBody("A part of the form has no name.")
        self.begin(name.decode("latin-1"), options.get(b"filename", b"").decode("utf-8", "replace"))

    def on_part_end(self) -> None:
        """The part is complete."""
        self._disposition = b""

    def on_end(self) -> None:
        self.complete = True


def _malformed() -> MalformedBody:
    return MalformedBody("The form is not well-formed multipart/form-data.")
