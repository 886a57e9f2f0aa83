"""Weights from the hub: downloaded once, resumed where they stopped, checked before they are used.

The file goes into the hub library's own cache, so that other programs find it there. The transfer
is done here, because the library begins a file anew after every interruption and takes what it
receives on trust; here a part that came is kept beside its place, and the checksum that the hub
announces is the one that the file must have.

What the hub announces is an ETag: the SHA-256 of a large file, git's SHA-1 of a small one.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout
from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    get_session,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers, hf_raise_for_status

from models.weights import CorruptWeights, DownloadStopped, ModelNotLocal, WeightsError

Progress = Callable[[int, int | None], None]
"""Called with (bytes received, bytes in total or None)."""

HUB_FILE = "model.safetensors"
CONNECT_TIMEOUT_S = 5.0
SILENCE_S = 10.0
"""A connection that sends nothing for this long counts as broken."""
ATTEMPTS = 5
"""Connections in a row that bring nothing before a download is given up."""
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0)
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Answers that another attempt may better."""


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file as the hub describes it. etag: see the module."""

    url: str
    etag: str
    size: int | None


class _Broken(Exception):
    """The connection ended before the file did. Its cause says how."""


def cached(repository: str, cache_dir: Path | None) -> Path | None:
    """The downloaded weights of a hub repository, if they are on this machine."""
    path = try_to_load_from_cache(repository, HUB_FILE, cache_dir=cache_dir)
    return Path(path) if isinstance(path, str) else None


def announced_sha256(path: Path) -> str | None:
    """The checksum that a cached file must have: the hub library names files by it."""
    name = path.resolve().name
    return name if re.fullmatch(r"[0-9a-f]{64}", name) else None


def fetch(
    repository: str,
    cache_dir: Path | None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """The weights of a hub repository: from the cache, else downloaded, resumed where it stopped.

    stopped: asked between two pieces; once it says yes, DownloadStopped is raised and the part
    that came is kept. Raises ModelNotLocal where there is no connection, or none is wanted, or the
    hub has no such file; CorruptWeights where the file is not the one that the hub announced.
    """
    if (local := cached(repository, cache_dir)) is not None:
        return local
    name = repository.split("/")[-1]
    hint = (
        f"Put {name}.safetensors into the folder that FOVEA_WEIGHTS_DIR names, "
        "or connect to the hub."
    )
    if offline:
        raise ModelNotLocal(
            f"the weights of {name} are not on this machine, and downloads are switched off", hint
        )
    try:
        return _fetch(repository, cache_dir, progress or (lambda received, total: None), stopped)
    except (CorruptWeights, DownloadStopped):
        raise
    except Exception as error:
        # The hub library lets through the errors of whichever HTTP library it uses.
        raise ModelNotLocal(
            f"the weights of {name} are not on this machine, "
            f"and the hub did not supply them ({_reason(error)})",
            hint,
        ) from error


def verify(repository: str, cache_dir: Path | None, digest: Callable[[Path], str]) -> Path | None:
    """The cached weights if they are sound; damaged ones are removed, and None is returned."""
    path = cached(repository, cache_dir)
    if path is None:
        return None
    announced = announced_sha256(path)
    if announced is None or digest(path) == announced:
        return path
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    return None


def _reason(error: Exception) -> str:
    """In a few words, without the addresses that the libraries below put into their messages."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"it answered {status}"
    if isinstance(error, _Broken):
        return "the connection broke off; what came is kept, and the next download goes on there"
    if isinstance(error, WeightsError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else None) or "no connection"


def _endpoint() -> str:
    """The hub's address. The library reads it at import; a process may change its mind."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _fetch(
    repository: str, cache_dir: Path | None, progress: Progress, stopped: Callable[[], bool]
) -> Path:
    folder = Path(cache_dir or constants.HF_HUB_CACHE)
    folder = folder / repo_folder_name(repo_id=repository, repo_type="model")
    # Asked once and briefly, so that a dead connection is told at once.
    url = hf_hub_url(repository, HUB_FILE, endpoint=_endpoint())
    metadata = get_hf_file_metadata(url, timeout=CONNECT_TIMEOUT_S)
    if not metadata.etag or not re.fullmatch(r"[\w.-]+", metadata.etag):
        raise ModelNotLocal("the hub announced no checksum", "")
    remote = _Remote(url, metadata.etag, metadata.size)
    blob = folder / "blobs" / remote.etag
    blob.parent.mkdir(parents=True, exist_ok=True)
    # The library's own lock: whoever fetches this file, with whatever program, does so alone.
    lock = folder.parent / ".locks" / folder.name / f"{remote.etag}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _alone(lock, stopped):
        if not blob.exists():
            part = blob.with_name(f"{remote.etag}.fovea.incomplete")
            _transfer(remote, part, progress, stopped)
            _check(part, remote, f"{repository.split('/')[-1]}.safetensors")
            part.replace(blob)
    # The file is there; the library only enters it into its tables.
    return Path(hf_hub_download(repository, HUB_FILE, cache_dir=cache_dir, endpoint=_endpoint()))


@contextmanager
def _alone(lock: Path, stopped: Callable[[], bool]) -> Iterator[None]:
    """Holds `lock`, for which other threads and programs wait."""
    while True:
        if stopped():
            raise _stop()
        try:
            with WeakFileLock(lock, timeout=0.2):
                yield
            return
        except Timeout:
            pass


def _transfer(remote: _Remote, part: Path, progress: Progress, stopped: Callable[[], bool]) -> None:
    """Completes `part`, over as many connections as it takes."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        progress(before, remote.size)
        if before == remote.size:
            return
        try:
            _receive(remote, part, progress, stopped)
            return
        except _Broken:
            came = part.exists() and part.stat().st_size > before
            failures = 0 if came else failures + 1
            if failures == ATTEMPTS:
                raise
        _pause(PAUSES_S[failures], stopped)


def _stop() -> DownloadStopped:
    return DownloadStopped(
        "the download was stopped", "What came is kept, and the next download goes on there."
    )


def _pause(seconds: float, stopped: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not stopped() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
    if stopped():
        raise _stop()


def _receive(remote: _Remote, part: Path, progress: Progress, stopped: Callable[[], bool]) -> None:
    """One connection: asks for what is missing from `part` and appends what comes."""
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
            raise _Broken
        if response.status_code != 206:  # The whole file, whatever part of it was asked for.
            have = 0
        with part.open("ab" if have else "wb") as file:
            for piece in _pieces(response):
                if stopped():
                    raise _stop()
                file.write(piece)
                have += len(piece)
                progress(have, remote.size)
                if remote.size is not None and have > remote.size:
                    break
    if remote.size is not None and have < remote.size:
        raise _Broken


@contextmanager
def _opened(url: str, headers: dict[str, str]) -> Iterator[Any]:
    """The hub's answer. _Broken where there is none, or one that another attempt may better."""
    request = get_session().stream(
        "GET", url, headers=headers, timeout=SILENCE_S, follow_redirects=True
    )
    try:
        response = request.__enter__()
    except Exception as error:
        raise _Broken from error
    try:
        if response.status_code in BUSY:
            raise _Broken
        if response.status_code != 416:
            hf_raise_for_status(response)
        yield response
    finally:
        request.__exit__(None, None, None)


def _pieces(response: Any) -> Iterator[bytes]:
    """The body as it arrives; _Broken when the connection ends early."""
    try:
        yield from response.iter_bytes()
    except Exception as error:
        raise _Broken from error


def _check(part: Path, remote: _Remote, name: str) -> None:
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
