"""Shared by both clients: requests as data, parsing of answers, and retries."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from fovea.client.errors import Problem, Unreachable
from fovea.models.edits import Edit, to_json

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

PhotoLike = str | PathLike[str] | bytes
"""A path, or a photo file's bytes."""

AGAIN = (429, 503)
"""Statuses that are retried after the time in Retry-After."""
TIMEOUT_S = 120.0
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. photos: sent as a form's files `image`; whole: the body, if it is a single
    photo.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    media: str = "application/json"
    json: Any = None
    whole: PhotoLike | None = None
    photos: Sequence[PhotoLike] = ()

    @contextmanager
    def arguments(self) -> Iterator[dict[str, Any]]:
        """Arguments for httpx, created anew for every try; files are open while the block runs."""
        given: dict[str, Any] = {
            "params": {name: _said(value) for name, value in self.params.items()
                       if value is not None},
            "headers": {"Accept": self.media},
        }  # fmt: skip
        with ExitStack() as stack:
            if self.json is not None:
                given["json"] = self.json
            if self.whole is not None:
                photo = self.whole
                given["content"] = photo if isinstance(photo, bytes) else Path(photo).read_bytes()
                given["headers"]["Content-Type"] = "application/octet-stream"
            if self.photos:
                given["files"] = [
                    ("image", _file(stack, number, photo))
                    for number, photo in enumerate(self.photos)
                ]
            yield given


def _file(stack: ExitStack, number: int, photo: PhotoLike) -> tuple[str, Any]:
    if isinstance(photo, bytes):
        return str(number), photo
    path = Path(photo)
    return path.name, stack.enter_context(path.open("rb"))


def _said(value: Any) -> str:
    """A parameter as in an address: (5, 9) becomes 5,9."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value)


@dataclass
class Asking:
    """Settings of a client. patience_s: total time to wait for a busy server.

    key: identifies the client to the server, so that it may delete what it made.
    """

    url: str
    token: str | None = None
    timeout_s: float = TIMEOUT_S
    patience_s: float = PATIENCE_S
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    def settings(self) -> dict[str, Any]:
        """Settings for an httpx client."""
        headers = {"Fovea-Key": self.key}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        return {"base_url": self.url.rstrip("/"), "headers": headers, "timeout": self.timeout_s}

    def wait_s(self, answer: httpx.Response, waited_s: float) -> float | None:
        """Seconds until the request should be retried; None if it should not."""
        if answer.status_code not in AGAIN:
            return None
        told = retry_after(answer.headers.get("retry-after"))
        return None if told is None or waited_s + told > self.patience_s else told

    def unreachable(self, error: httpx.TransportError) -> Unreachable:
        """The error message if the server cannot be reached."""
        why = str(error) or type(error).__name__
        return Unreachable(f"No answer from {self.url}: {why}.")


def retry_after(header: str | None) -> float | None:
    """Seconds, from a number or a date; None if absent."""
    if header is None:
        return None
    try:
        return max(0.1, float(header))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.1, (when - datetime.now(UTC)).total_seconds())


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer; raises Problem if it is one."""
    if answer.is_success:
        return answer
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "type" not in body:
        body = {"status": answer.status_code, "title": answer.reason_phrase or "No answer"}
        body["detail"] = f"The server answered {answer.status_code}; it may be no Fovea server."
    raise Problem(body)


def array_of(content: bytes) -> np.ndarray[Any, Any]:
    """The array in an .npy file."""
    import numpy as np

    array: np.ndarray[Any, Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array


def picture_of(content: bytes) -> Image.Image:
    """The image in a PNG, loaded."""
    from PIL import Image

    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def part(text: str) -> str:
    """A path segment, escaped."""
    return quote(text, safe="")


def analyse(photo: PhotoLike, model: str | None) -> Ask:
    """Sends a photo as the request's body."""
    return Ask("POST", "/v1/analyses", {"model": model}, whole=photo)


def batch(photos: Sequence[PhotoLike], model: str | None) -> Ask:
    """Sends many photos. The model is in the address, so that the server can start with the
    first.
    """
    return Ask("POST", "/v1/batches", {"model": model}, photos=photos)


def edit(analysis: str, edits: Sequence[Edit | Mapping[str, Any]]) -> Ask:
    """Edits an analysis, with edits of `fovea.models.edits` or in the server's JSON form."""
    said = [to_json(one) if isinstance(one, Edit) else dict(one) for one in edits]
    return Ask("POST", f"{analysis}/edits", json={"edits": said})


NPY, PNG = "application/x-npy", "image/png"
