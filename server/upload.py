"""The photo in a request: a file part of a form, or the body itself. Nothing is written to disk.

The body's size is bounded while it streams (limits.py), so that memory is enough. File names are
ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from server.errors import MalformedBody, MissingImage, UnsupportedFormat

MAX_FILES = 1
MAX_FIELDS = 8
MAX_FIELD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """The photo's bytes, and the model if the form names one."""

    data: bytes
    model: str | None = None


async def read(request: Request, max_bytes: int) -> Upload:
    """The upload in the request; raises a Problem for a body that has none."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, max_bytes)
    if kind.startswith("image/") or kind in ("application/octet-stream", ""):
        return Upload(await request.body())
    raise UnsupportedFormat(
        f"A photo is sent as multipart/form-data or image/*, not as {kind[:100]}.",
        accepted=["multipart/form-data", "image/*"],
    )


async def _read_form(request: Request, max_bytes: int) -> Upload:
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    parser.spool_max_size = max_bytes + 1  # Never reached: the file stays in memory.
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise MalformedBody(f"The form cannot be read: {error.message}") from error
    image, model = form.get("image"), form.get("model")
    if not isinstance(image, UploadFile):
        raise MissingImage("The form has no file part named 'image'.")
    return Upload(await image.read(), model if isinstance(model, str) else None)
