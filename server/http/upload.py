"""Reads the photo of a request, from a multipart file or the raw body, or the sentence, from a form
field or JSON. Nothing is written to disk.

The size is limited while it streams (limits.py), as is the total of all uploads, so memory
suffices: no temporary files, no full disk. A stalled upload gives up its memory once others wait
for it. File names are ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from time import monotonic

import orjson
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from fovea.models.running.tasks import Search
from fovea.server.engine.budget import Budget, Share
from fovea.server.http.form import Form
from fovea.server.http.parameters import unknown_name
from fovea.server.problems import (
    InvalidParameter,
    MalformedBody,
    MissingImage,
    MissingText,
    TooLarge,
    UnsupportedFormat,
    UploadTimeout,
)

MAX_PARTS = 8
MOST_BEAMS = 5
LONGEST_NGRAM = 10
"""Maximum length of a word sequence that may be forbidden to repeat."""

SEARCHED = {"beams": (1, MOST_BEAMS), "no_repeat_ngram": (0, LONGEST_NGRAM)}
"""The decoding options and their ranges."""

KEYS = ("text", "model", *SEARCHED)
FIELDS = ("image", *KEYS)

MAX_FIELD_BYTES = 65_536
"""Every form field except the photo, and a JSON body."""

STALLED_S = 2.0
STALLED_BYTES = 32_768
"""An upload slower than this yields its memory to those that wait."""


@dataclass(eq=False, slots=True)
class Upload:
    """The photo's bytes or the sentence, with the model and decoding options named in the body.

    search: the decoding options (SEARCHED) that the body gives.
    """

    given: bytes | str
    model: str | None = None
    search: Mapping[str, int] = field(default_factory=dict)
    share: Share | None = None

    def with_query(
        self, query: Mapping[str, str], model: str | None, search: Search
    ) -> tuple[str | None, Search]:
        """(model, search) from body and query. Raises InvalidParameter if they disagree."""
        said = {"model": model, **asdict(search)}
        for name, own in {"model": self.model, **self.search}.items():
            asked = said[name]
            if own is not None and name in query and own != asked:
                raise InvalidParameter(
                    f"{name} is {str(asked)[:50]!r} in the address and {str(own)[:50]!r} in the "
                    "body; give it once.",
                    parameter=name,
                )
        return self.model or model, replace(search, **self.search)

    def take(self) -> bytes | str:
        """Returns the upload and drops the reference held here."""
        given, self.given = self.given, b""
        return given

    def done(self) -> None:
        """The bytes are no longer needed."""
        if self.share is not None:
            self.share.keep(0)


def _search(sent: Mapping[str, object]) -> dict[str, int]:
    """The decoding options (SEARCHED) among fields or keys."""
    return {name: _whole(name, sent[name]) for name in SEARCHED if sent.get(name) is not None}


def _whole(name: str, value: object) -> int:
    least, most = SEARCHED[name]
    whole = isinstance(value, int) and not isinstance(value, bool)
    text = str(value).strip() if whole or isinstance(value, str) else ""
    if text.isdecimal() and least <= int(text[:9]) <= most:
        return int(text)
    raise InvalidParameter(
        f"{name}={str(value)[:50]!r} is no whole number from {least} to {most}.", limit=most
    )


@asynccontextmanager
async def read(request: Request, uploads: Budget, max_bytes: int) -> AsyncIterator[Upload]:
    """The upload in the request; raises a Problem for a body without one.

    Its share of `uploads` is taken before the body is read, and held until the end of the block or
    until the upload is `done`.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    form = kind == b"multipart/form-data"
    photo = kind.startswith(b"image/") or kind in (b"application/octet-stream", b"")
    if not form and not photo and kind != b"application/json":
        raise UnsupportedFormat(
            "A photo is sent as multipart/form-data or image/*, a sentence as a form or as JSON, "
            f"not as {kind.decode('latin-1')[:100]}.",
            accepted=["multipart/form-data", "image/*", "application/json"],
        )
    declared = request.headers.get("content-length", "")
    expected = int(declared) if declared.isascii() and declared.isdigit() else max_bytes
    # A longer body is refused while it is read.
    async with uploads.hold(min(expected, max_bytes, uploads.nbytes)) as share:
        if form:
            upload = await _read_form(request, options.get(b"boundary", b""), uploads)
        elif photo:
            body = bytearray()
            async for chunk in chunks(request, uploads):
                body += chunk
            upload = Upload(bytes(body))
        else:
            upload = _read_json(await _small_body(request, uploads))
        upload.share = share
        yield upload


async def chunks(request: Request, uploads: Budget) -> AsyncIterator[bytes]:
    """The body, chunk by chunk; a stalled upload is abandoned if others wait for its memory."""
    stream = aiter(request.stream())
    since, received = monotonic(), 0
    waiting: asyncio.Future[bytes] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(stream))
            done, _ = await asyncio.wait({waiting}, timeout=STALLED_S)
            if monotonic() - since >= STALLED_S:
                if received < STALLED_BYTES and uploads.waiting:
                    raise UploadTimeout(
                        "The upload stood still while others waited for its place.",
                        limit=STALLED_S,
                        headers={"Connection": "close"},
                    )
                since, received = monotonic(), 0
            if done:
                try:
                    chunk = waiting.result()
                except StopAsyncIteration:
                    return
                waiting = None
                received += len(chunk)
                yield chunk
    finally:
        if waiting is not None:
            waiting.cancel()


async def _small_body(request: Request, uploads: Budget) -> bytes:
    body = bytearray()
    async for chunk in chunks(request, uploads):
        body += chunk
        if len(body) > MAX_FIELD_BYTES:
            raise field_too_large("The body")
    return bytes(body)


def field_too_large(name: str) -> TooLarge:
    """The problem of an oversized field other than the photo; name: "The field 'model'"."""
    return TooLarge(
        f"{name} is larger than {MAX_FIELD_BYTES:,} bytes.",
        limit=MAX_FIELD_BYTES,
        headers={"Connection": "close"},
    )


def _read_json(body: bytes) -> Upload:
    """{"text": a sentence, "model": an optional id} and decoding options."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody("The body is not JSON.") from error
    if not isinstance(sent, dict):
        raise MalformedBody('The body is not of the form {"text": …, "model": …}.')
    for key in sent:
        if key not in KEYS:
            raise unknown_name("key", str(key), KEYS)
    text, model = sent.get("text"), sent.get("model")
    if text is None:
        raise MissingText("The body has no text.")
    if not isinstance(text, str) or not isinstance(model, str | None):
        raise MalformedBody("text and model are strings.")
    return Upload(text, model or None, _search(sent))


class _Form(Form):
    """Collects the parts of a form by name."""

    def __init__(self, boundary: bytes) -> None:
        super().__init__(boundary)
        self.parts: dict[str, bytearray] = {}
        self._name = ""

    def begin(self, name: str, filename: str) -> None:
        if len(self.parts) >= MAX_PARTS or name in self.parts:
            raise MalformedBody(
                "The form has too many parts or one twice; 'image' and 'model' are enough.",
                hint="Many photos at once are sent to /v1/batches.",
                limit=MAX_PARTS,
            )
        self._name = name
        self.parts[name] = bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        current = self.parts[self._name]
        current += memoryview(data)[start:end]
        if len(current) > MAX_FIELD_BYTES and self._name != "image":
            raise field_too_large(f"The field {self._name[:50]!r}")


async def _read_form(request: Request, boundary: bytes, uploads: Budget) -> Upload:
    form = _Form(boundary)
    async for chunk in chunks(request, uploads):
        form.write(chunk)
    form.end()
    for name in form.parts:
        if name not in FIELDS:
            raise unknown_name("field", name, FIELDS)
    if ("image" in form.parts) == ("text" in form.parts):
        if "image" in form.parts:
            raise MalformedBody("The form has both an image and a text; one of them is looked at.")
        raise MissingImage("The form has no file part named 'image' and no field 'text'.")
    model = form.parts.get("model", b"").decode("utf-8", "replace").strip() or None
    search = _search(
        {
            name: form.parts[name].decode("utf-8", "replace")
            for name in SEARCHED
            if name in form.parts
        }
    )
    if "image" in form.parts:
        return Upload(bytes(form.parts["image"]), model, search)
    return Upload(form.parts["text"].decode("utf-8", "replace"), model, search)
