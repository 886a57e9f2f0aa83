"""One file over HTTP: the part that came is kept, and gone on from; the whole is checked.

What the hub announces is an ETag: the SHA-256 of a large file, git's SHA-1 of a small one. The file
must have it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import get_session
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from fovea.models.catalog.weights.weights import CorruptWeights, DownloadStopped

Progress = Callable[[int, int | None], None]
"""Called with (bytes received, bytes in total or None)."""

SILENCE_S = 10.0
"""A connection that sends nothing for this long counts as broken."""
ATTEMPTS = 5
"""Connections in a row that bring nothing before a download is given up."""
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0)
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Answers that another attempt may better."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the hub describes it. etag: see above."""

    url: str
    etag: str
    size: int | None


class Broken(Exception):
    """The connection ended before the file did. Its cause says how."""


def bring(
    remote: Remote, part: Path, name: str, progress: Progress, stopped: Callable[[], bool]
) -> None:
    """Completes `part` and checks it. name: of the file, for what people are told.

    Raises Broken, DownloadStopped, or CorruptWeights; only then the part is not kept.
    """
    _transfer(remote, part, progress, stopped)
    _check(part, remote, name)


def _transfer(remote: Remote, part: Path, progress: Progress, stopped: Callable[[], bool]) -> None:
    """Completes `part`, over as many connections as it takes."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        progress(before, remote.size)
        if before == remote.size:
            part.touch()  # A file of no bytes has nothing that is received.
            return
        try:
            _receive(remote, part, progress, stopped)
            return
        except Broken:
            came = part.exists() and part.stat().st_size > before
            failures = 0 if came else failures + 1
            if failures == ATTEMPTS:
                raise
        _pause(PAUSES_S[failures], stopped)


def stopping() -> DownloadStopped:
    """What is raised where a download is stopped."""
    return DownloadStopped(
        "the download was stopped", "What came is kept, and the next download goes on there."
    )


def _pause(seconds: float, stopped: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stopped():
        time.sleep(min(left, 0.1))


def _receive(remote: Remote, part: Path, progress: Progress, stopped: Callable[[], bool]) -> None:
    """One connection: asks for what is missing from `part` and appends what comes."""
    if stopped():
        raise stopping()
    have = part.stat().st_size if part.exists() else 0
    if remote.size is not None and have > remote.size:
        part.unlink()
        have = 0
    headers = build_hf_headers(headers={"Accept-Encoding": "identity"})
    if have:
        headers["Range"] = f"bytes={have}-"
    with _opened(remote.url, headers) as response:
        if response.status_code == 416:
            part.unlink()
            raise Broken
        if response.status_code != 206:  # The whole file, whatever part of it was asked for.
            have = 0
        with part.open("ab" if have else "wb") as file:
            for piece in _pieces(response):
                if stopped():
                    raise stopping()
                file.write(piece)
                have += len(piece)
                progress(have, remote.size)
                if remote.size is not None and have > remote.size:
                    break
    if remote.size is not None and have < remote.size:
        raise Broken


@contextmanager
def _opened(url: str, headers: dict[str, str]) -> Iterator[Any]:
    """The hub's answer; raises Broken where there is none, or where a retry may succeed."""
    request = get_session().stream(
        "GET", url, headers=headers, timeout=SILENCE_S, follow_redirects=True
    )
    try:
        response = request.__enter__()
    except Exception as error:
        raise Broken from error
    try:
        if response.status_code in BUSY:
            raise Broken
        if response.status_code != 416:
            hf_raise_for_status(response)
        yield response
    finally:
        request.__exit__(None, None, None)


def _pieces(response: Any) -> Iterator[bytes]:
    """The body as it arrives; Broken when the connection ends early."""
    try:
        yield from response.iter_bytes()
    except Exception as error:
        raise Broken from error


def _check(part: Path, remote: Remote, name: str) -> None:
    """Raises CorruptWeights, and removes the file, if it is not what the hub announced."""
    size = part.stat().st_size
    found = _digest(part, remote.etag)
    if (remote.size is None or size == remote.size) and found in (None, remote.etag):
        return
    part.unlink()
    if remote.size is not None and size != remote.size:
        what = f"{size:,} bytes came where {remote.size:,} were announced"
    else:
        what = f"checksum {str(found)[:12]}… where the hub announced {remote.etag[:12]}…"
    raise CorruptWeights(f"{name}: {what}", "It was not kept. Download it again.")


def _digest(path: Path, etag: str) -> str | None:
    """The file's checksum of the kind that `etag` is; None where that is of neither kind."""
    if re.fullmatch(r"[0-9a-f]{64}", etag):
        digest = hashlib.sha256()
    elif re.fullmatch(r"[0-9a-f]{40}", etag):
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        return None
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
