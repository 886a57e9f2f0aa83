"""Weights from the hub: downloaded once, resumed where they stopped, checked before they are used.

The file goes into the hub library's own cache, so that other programs find it there. The transfer
is done here, because the library begins a file anew after every interruption and takes what it
receives on trust (transfer.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

from models.transfer import Broken, Progress, Remote, bring, stopping
from models.weights import CorruptWeights, DownloadStopped, ModelNotLocal, WeightsError

HUB_FILE = "model.safetensors"
CONNECT_TIMEOUT_S = 5.0


def cached(repository: str, cache_dir: Path | None) -> Path | None:
    """The downloaded weights of a hub repository, if they are on this machine."""
    path = try_to_load_from_cache(repository, HUB_FILE, cache_dir=cache_dir)
    return Path(path) if isinstance(path, str) else None


def announced_sha256(path: Path) -> str | None:
    """The checksum that a cached file must have: the hub library names blobs by it, and the file
    is a link to its blob. Where that is a link too, what it leads to is named otherwise.
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
    """The weights of a hub repository: from the cache, else downloaded, resumed where it stopped.

    name: of the model, for what people are told. stopped: asked between two pieces; once it says
    yes, DownloadStopped is raised and the part that came is kept. Raises ModelNotLocal where there
    is no connection, or none is wanted, or the hub has no such file; CorruptWeights where the file
    is not the one that the hub announced.
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
            repository, name, cache_dir, progress or (lambda received, total: None), stopped
        )
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
    (path.parent / path.readlink()).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    return None


def _reason(error: Exception) -> str:
    """In a few words, without the addresses that the libraries below put into their messages."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"it answered {status}"
    if isinstance(error, Broken):
        return "the connection broke off; what came is kept, and the next download goes on there"
    if isinstance(error, WeightsError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else None) or "no connection"


def _endpoint() -> str:
    """The hub's address. The library reads it at import; a process may change its mind."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _fetch(
    repository: str,
    name: str,
    cache_dir: Path | None,
    progress: Progress,
    stopped: Callable[[], bool],
) -> Path:
    folder = Path(cache_dir or constants.HF_HUB_CACHE)
    folder = folder / repo_folder_name(repo_id=repository, repo_type="model")
    # Asked once and briefly, so that a dead connection is told at once.
    url = hf_hub_url(repository, HUB_FILE, endpoint=_endpoint())
    metadata = get_hf_file_metadata(url, timeout=CONNECT_TIMEOUT_S)
    if not metadata.etag or not re.fullmatch(r"[\w.-]+", metadata.etag):
        raise ModelNotLocal("the hub announced no checksum", "")
    remote = Remote(url, metadata.etag, metadata.size)
    blob = folder / "blobs" / remote.etag
    blob.parent.mkdir(parents=True, exist_ok=True)
    # The library's own lock: whoever fetches this file, with whatever program, does so alone.
    lock = folder.parent / ".locks" / folder.name / f"{remote.etag}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _alone(lock, stopped):
        if not blob.exists():
            part = blob.with_name(f"{remote.etag}.fovea.incomplete")
            bring(remote, part, f"{name}.safetensors", progress, stopped)
            part.replace(blob)
    # The file is there; the library only enters it into its tables.
    return Path(hf_hub_download(repository, HUB_FILE, cache_dir=cache_dir, endpoint=_endpoint()))


@contextmanager
def _alone(lock: Path, stopped: Callable[[], bool]) -> Iterator[None]:
    """Holds `lock`, for which other threads and programs wait."""
    while True:
        if stopped():
            raise stopping()
        try:
            with WeakFileLock(lock, timeout=0.2):
                yield
            return
        except Timeout:
            pass
