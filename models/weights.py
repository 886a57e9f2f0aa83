"""Finding, verifying and reading weight files. Only safetensors: a pickle can run code when it is
opened.

WeightsError
├── ModelNotLocal     the weights are not on this machine and could not be fetched
└── CorruptWeights    the file is not what it should be: checksum, header, names or shapes
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.utils import tqdm
from torch import Tensor, nn

Progress = Callable[[int, int | None], None]
"""Called with (bytes received, bytes in total or None)."""

HUB_FILE = "model.safetensors"
CONNECT_TIMEOUT_S = 5.0


class WeightsError(Exception):
    """Weights that cannot be used. `hint` says what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class ModelNotLocal(WeightsError):
    """The weights are not on this machine and could not be fetched."""


class CorruptWeights(WeightsError):
    """The file is not what it should be."""


def sha256(path: Path) -> str:
    """The checksum of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, expected_sha256: str | None = None) -> tuple[dict[str, Tensor], str]:
    """(tensors by name, checksum) of a safetensors file; raises CorruptWeights, which names the
    file.
    """
    checksum = sha256(path)
    if expected_sha256 is not None and checksum != expected_sha256:
        raise CorruptWeights(
            f"{path.name}: checksum {checksum[:12]}… where {expected_sha256[:12]}… was expected",
            "The file is damaged or was replaced; fetch it again.",
        )
    try:
        return safetensors.torch.load_file(path), checksum
    except (safetensors.SafetensorError, OSError) as error:
        raise CorruptWeights(
            f"{path.name}: not a readable safetensors file ({error})",
            "Supply the weights as safetensors; other formats can run code when they are opened.",
        ) from error


def fill(module: nn.Module, tensors: dict[str, Tensor], file: str) -> None:
    """Copy `tensors` into `module`, every name and shape matching; raises CorruptWeights naming
    those that do not.
    """
    own = module.state_dict()
    missing = sorted(own.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - own.keys())
    misshapen = [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(own[name].shape)}"
        for name in sorted(own.keys() & tensors.keys())
        if own[name].shape != tensors[name].shape
    ]
    problems = [
        f"{what} {', '.join(names[:5])}"
        for what, names in (("missing", missing), ("unknown", unknown), ("wrong shape:", misshapen))
        if names
    ]
    if problems:
        raise CorruptWeights(
            f"{file} does not fit the network: {'; '.join(problems)}",
            "Supply the weights of exactly this architecture under its own key names.",
        )
    module.load_state_dict(tensors)


def cached(repository: str, cache_dir: Path | None) -> Path | None:
    """The downloaded weights of a hub repository, if they are on this machine."""
    path = try_to_load_from_cache(repository, HUB_FILE, cache_dir=cache_dir)
    return Path(path) if isinstance(path, str) else None


def _reporting(progress: Progress) -> type[tqdm]:
    """A progress bar class that reports to `progress` and draws nothing."""

    class Reporting(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]
            self.received = int(kwargs.get("initial") or 0)
            self.expected = kwargs.get("total")
            progress(self.received, self.expected)

        def update(self, n: float | None = 1) -> bool | None:
            self.received += int(n or 0)
            progress(self.received, self.expected)
            return None

    return Reporting


def fetch(
    repository: str,
    cache_dir: Path | None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> Path:
    """The weights of a hub repository: from the cache, else downloaded, resumed where it stopped.

    Raises ModelNotLocal where there is no connection, or none is wanted, or the hub has no such
    file.
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
        # Asked once and briefly: the download itself would retry a dead connection for 20 s.
        get_hf_file_metadata(hf_hub_url(repository, HUB_FILE), timeout=CONNECT_TIMEOUT_S)
        return Path(
            hf_hub_download(
                repository,
                HUB_FILE,
                cache_dir=cache_dir,
                tqdm_class=_reporting(progress or (lambda received, total: None)),
            )
        )
    except Exception as error:
        # The hub library lets through the errors of whichever HTTP library it uses.
        raise ModelNotLocal(
            f"the weights of {name} are not on this machine, and the hub did not supply them", hint
        ) from error
