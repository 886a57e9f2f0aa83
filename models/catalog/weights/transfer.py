"""Downloads one file over HTTP, resuming from a partial file, and verifies it.

The hub announces an ETag: SHA-256 for large files, git's SHA-1 for small ones. The file must match.
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
"""Called with (bytes received, total bytes or None)."""

SILENCE_S = 10.0
"""A connection that is silent for this long counts as broken."""
ATTEMPTS = 5
"""Consecutive connections without progress before the download is given up."""
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0)
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""HTTP statuses worth retrying."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file's metadata on the hub. etag: see above."""

    url: str
    etag: str
    size: int | None


class Broken(Exception):
    """The connection ended before the file did; the cause says how."""


def bring(
    remote: Remote, part: Path, name: str, progress: Progress, stopped: Callable[[], bool]
) -> None:
    """Completes `part` and verifies it. name: of the file, for messages.

    Raises Broken, DownloadStopped, or CorruptWeights; only the last removes the partial file.
    """
    _transfer(remote, part, progress, stopped)
    _check(part, remote, name)


def _transfer(remote: Remote, part: Path, progress: Progress, stopped: Callable[[], bool]) -> None:
    """Completes `part`, reconnecting as often as necessary."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        progress(before, remote.size)
        if before == remote.size:
            part.touch()  # an empty file receives no bytes
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
    """The error raised when a download is stopped."""
    return DownloadStopped(
        "the download was stopped", "What came is kept, and the next download goes on there."
    )


def _pause(seconds: float, stopped: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stopped():
        time.sleep(min(left, 0.1))


def _receive(remote: Remote, part: Path, progress: Progress, stopped: Callable[[], bool]) -> None:
    """One connection: requests what is missing from `part` and appends it."""
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
        if response.status_code != 206:  # the whole file, whatever range was requested
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
    """The hub's response; raises Broken if there is none or a retry may succeed."""
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
    """The body as it arrives; Broken if the connection ends early."""
    try:
        yield from response.iter_bytes()
    except Exception as error:
        raise Broken from error


def _check(part: Path, remote: Remote, name: str) -> None:
    """Raises CorruptWeights and removes the file unless it matches the hub's ETag."""
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
    """The file's digest of the same type as `etag`; None for an unknown type."""
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
