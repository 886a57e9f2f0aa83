"""Weights from the hub: downloaded once, resumable, verified before use.

The weights of a repository are one file, or a set with an index (shards.py). They are stored in the
hub library's own cache, so that other programs find them. The transfer is implemented here, because
the library restarts interrupted downloads from zero and does not verify content (transfer.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock

from fovea.models.catalog.weights import shards
from fovea.models.catalog.weights.transfer import Broken, Progress, Remote, bring, stopping
from fovea.models.catalog.weights.weights import (
    CorruptWeights,
    DownloadStopped,
    ModelNotLocal,
    WeightsError,
)

HUB_FILE = "model.safetensors"
HUB_INDEX = "model.safetensors.index.json"
CONNECT_TIMEOUT_S = 5.0


def cached(repository: str, cache_dir: Path | None) -> Path | None:
    """The downloaded weights of a hub repository, if on this machine: the file, or the index of a
    complete set.
    """
    for name in (HUB_FILE, HUB_INDEX):
        found = try_to_load_from_cache(repository, name, cache_dir=cache_dir)
        if isinstance(found, str) and _complete(path := Path(found)):
            return path
    return None


def _complete(path: Path) -> bool:
    try:
        return not shards.is_index(path) or not shards.missing(path)
    except CorruptWeights:
        return False


def announced_sha256(path: Path) -> str | None:
    """The required checksum of a cached file: the hub library names blobs by it, and the file is a
    link to its blob. If the blob is itself a link, its target has another name.
    """
    name = path.readlink().name if path.is_symlink() else ""
    return name if re.fullmatch(r"[0-9a-f]{64}", name) else None


def fetch(
    repository: str,
    cache_dir: Path | None,
    *,
    name: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """The weights of a hub repository: from the cache, or downloaded (resuming a partial download).

    Returns the file, or the index of a set whose files are beside it. name: of the model, for
    messages. stopped: polled between chunks; when it returns True, DownloadStopped is raised and
    the partial file is kept. Raises ModelNotLocal if offline or the hub has no such file, and
    CorruptWeights if the file is not the announced one.
    """
    if (local := cached(repository, cache_dir)) is not None:
        return local
    name = name or repository.split("/")[-1]
    hint = (
        f"Put {name}.safetensors into the folder that FOVEA_WEIGHTS_DIR names, "
        "or connect to the hub."
    )
    if offline:
        raise ModelNotLocal(
            f"the weights of {name} are not on this machine, and downloads are switched off", hint
        )
    try:
        return _fetch(
            _Repository(repository, name, cache_dir, stopped),
            progress or (lambda received, total: None),
        )
    except (CorruptWeights, DownloadStopped):
        raise
    except Exception as error:
        # The hub library lets errors of its HTTP library through.
        raise ModelNotLocal(
            f"the weights of {name} are not on this machine, "
            f"and the hub did not supply them ({_reason(error)})",
            hint,
        ) from error


def verify(repository: str, cache_dir: Path | None, digest: Callable[[Path], str]) -> Path | None:
    """The cached weights if intact; otherwise the damaged files are removed and None is
    returned.
    """
    path = cached(repository, cache_dir)
    if path is None:
        return None
    damaged = [file for file in shards.files(path) if not _sound(file, digest)]
    for file in damaged:
        (file.parent / file.readlink()).unlink(missing_ok=True)
        file.unlink(missing_ok=True)
    return None if damaged else path


def _sound(file: Path, digest: Callable[[Path], str]) -> bool:
    announced = announced_sha256(file)
    return announced is None or digest(file) == announced


def _reason(error: Exception) -> str:
    """A short reason, without the URLs in the libraries' messages."""
    if (status := _status(error)) is not None:
        return f"it answered {status}"
    if isinstance(error, Broken):
        return "the connection broke off; what came is kept, and the next download goes on there"
    if isinstance(error, WeightsError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else None) or "no connection"


def _endpoint() -> str:
    """The hub's address. The library reads it at import, but it may change later in a process."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _status(error: Exception) -> int | None:
    """The HTTP status of the hub's answer, if the error carries one."""
    status: int | None = getattr(getattr(error, "response", None), "status_code", None)
    return status


@dataclass(frozen=True, slots=True)
class _Repository:
    """Files of a repository on the hub and in the cache. name: of the model, for messages."""

    id: str
    name: str
    cache_dir: Path | None
    stopped: Callable[[], bool]

    def ask(self, file: str, revision: str | None = None) -> tuple[Remote, str | None]:
        """The hub's metadata of a file, and its commit. One attempt with a short timeout, so that a
        dead connection is reported at once.
        """
        url = hf_hub_url(self.id, file, revision=revision, endpoint=_endpoint())
        metadata = get_hf_file_metadata(url, timeout=CONNECT_TIMEOUT_S)
        if not metadata.etag or not re.fullmatch(r"[\w.-]+", metadata.etag):
            raise ModelNotLocal("the hub announced no checksum", "")
        return Remote(url, metadata.etag, metadata.size), metadata.commit_hash

    def blob(self, remote: Remote, name: str, progress: Progress) -> Path:
        """The file's content in the library's cache, downloaded if necessary.

        name: of the file, for messages.
        """
        folder = Path(self.cache_dir or constants.HF_HUB_CACHE)
        folder = folder / repo_folder_name(repo_id=self.id, repo_type="model")
        blob = folder / "blobs" / remote.etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        # The library's own lock, so that other programs do not download the same file at once.
        lock = folder.parent / ".locks" / folder.name / f"{remote.etag}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with _alone(lock, self.stopped):
            if not blob.exists():
                part = blob.with_name(f"{remote.etag}.fovea.incomplete")
                bring(remote, part, name, progress, self.stopped)
                part.replace(blob)
        return blob

    def enter(self, file: str, revision: str | None = None) -> Path:
        """The file under its name once its content is there, registered in the library's cache."""
        return Path(
            hf_hub_download(
                self.id, file, revision=revision, cache_dir=self.cache_dir, endpoint=_endpoint()
            )
        )


def _fetch(repository: _Repository, progress: Progress) -> Path:
    try:
        remote, _ = repository.ask(HUB_FILE)
    except Exception as error:
        if _status(error) != 404:
            raise
        try:
            index, commit = repository.ask(HUB_INDEX)
        except Exception as second:
            # Neither exists: report the plain file as missing. Other errors are reported as they
            # are.
            if _status(second) != 404:
                raise
            raise error from None
        return _fetch_set(repository, index, commit, progress)
    repository.blob(remote, f"{repository.name}.safetensors", progress)
    return repository.enter(HUB_FILE)


def _fetch_set(
    repository: _Repository, index: Remote, commit: str | None, progress: Progress
) -> Path:
    """All files of the index, from its commit; progress is the total over the set."""
    content = repository.blob(index, HUB_INDEX, lambda received, total: None)
    names = shards.names(content, HUB_INDEX)
    remotes = [repository.ask(name, commit)[0] for name in names]
    sizes = [remote.size for remote in remotes]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    before = 0
    progress(before, total)
    for name, remote in zip(names, remotes, strict=True):
        blob = repository.blob(
            remote, f"{repository.name}, {name}", _after(before, total, progress)
        )
        before += blob.stat().st_size
        progress(before, total)
    for name in names:
        repository.enter(name, commit)
    # The index is stored last: if it exists, the set is complete.
    path = repository.enter(HUB_INDEX, commit)
    repository.enter(HUB_INDEX)
    return path


def _after(before: int, total: int | None, progress: Progress) -> Progress:
    """The progress of one file as progress of the set."""
    return lambda received, _: progress(before + received, total)


@contextmanager
def _alone(lock: Path, stopped: Callable[[], bool]) -> Iterator[None]:
    """Holds `lock` against other threads and programs."""
    while True:
        if stopped():
            raise stopping()
        try:
            with WeakFileLock(lock, timeout=0.2):
                yield
            return
        except Timeout:
            pass
