"""Verifying and reading weight files. Only safetensors: a pickle can run code when it is opened.

WeightsError
├── ModelNotLocal     the weights are not on this machine and could not be fetched
├── DownloadStopped   the download was stopped before it was complete
├── CorruptWeights    the file is not what it should be: checksum, header, names or shapes
├── UnsafeCheckpoint  the file is a pickle
├── InvalidModelFile  the description of the model has mistakes
└── UnusableNetwork   the network cannot be built, or fails on a picture of its own size
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor, nn

from fovea.models.catalog.weights.names import renaming

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
"""How files that torch.save wrote are called."""


class WeightsError(Exception):
    """Weights that cannot be used. `hint` says what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class ModelNotLocal(WeightsError):
    """The weights are not on this machine and could not be fetched."""


class DownloadStopped(WeightsError):
    """The download was stopped before it was complete."""


class CorruptWeights(WeightsError):
    """The file is not what it should be."""


class UnsafeCheckpoint(WeightsError):
    """The file is a pickle."""


class InvalidModelFile(WeightsError):
    """The description of the model has mistakes."""


class UnusableNetwork(WeightsError):
    """The network cannot be built, or fails on a picture of its own size."""


def unsafe(file: str) -> UnsafeCheckpoint:
    """The error for a pickle of this name, with the safe way to convert it."""
    return UnsafeCheckpoint(
        f"{file} is a pickle, which can run code when it is opened", how_to(file)
    )


def how_to(file: str) -> str:
    """How the pickle `file` becomes weights that are taken."""
    return f"Convert it: fovea convert {file} {Path(file).stem}.safetensors"


def is_pickle(data: bytes) -> bool:
    """Whether these are the first bytes of what torch.save writes, now (a ZIP) or before 1.6."""
    if data[:4] == b"PK\x03\x04":
        return re.search(rb"/(data\.pkl|\.format_version|byteorder)", data[:512]) is not None
    legacy = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # torch's magic number, pickled
    starts = (legacy, b"\x95", b"}q", b"]q", b"c")
    # A safetensors header begins at the ninth byte, whatever its length looks like before.
    return data[:1] == b"\x80" and data[8:9] != b"{" and data[2:].startswith(starts)


def sha256(path: Path) -> str:
    """The checksum of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, expected_sha256: str | None = None) -> tuple[dict[str, Tensor], str]:
    """(tensors by name, checksum) of a safetensors file; raises CorruptWeights, which names the
    file.
    """
    with path.open("rb") as file:
        if is_pickle(file.read(512)):
            raise unsafe(path.name)
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


def may_not_be_read(path: Path | None) -> bool:
    """Whether the file is there and its permissions keep this process from reading it."""
    return path is not None and not os.access(path, os.R_OK)


def unreadable(path: Path) -> str | None:
    """Why a safetensors file cannot be read, as far as its header tells; None if it can."""
    if may_not_be_read(path):
        return f"{path.name} cannot be read (permission): chmod 644 {path.name}"
    try:
        with path.open("rb") as file:
            start = file.read(512)
        if not start:
            return f"{path.name} has no bytes"
        if is_pickle(start):
            return None  # Named as what it is when it is read.
        with safetensors.safe_open(path, "pt"):
            return None
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror or 'an error of the disk'})"
    except safetensors.SafetensorError as error:
        return f"{path.name}: not a readable safetensors file ({error})"


def expected_beside(path: Path) -> str | None:
    """The checksum in `<file>.sha256` beside a file, as sha256sum writes it; None without one."""
    beside = path.with_name(path.name + ".sha256")
    try:
        words = beside.read_text("utf-8").split() if beside.is_file() else []
    except (OSError, UnicodeDecodeError):
        words = ["unreadable"]
    if not words:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", words[0]):
        raise CorruptWeights(
            f"{beside.name} holds no SHA-256 checksum", f"Write it with: sha256sum {path.name}"
        )
    return words[0].lower()


def fill(module: nn.Module, tensors: dict[str, Tensor], file: str) -> None:
    """Copy `tensors` into `module`, every name and shape matching; raises CorruptWeights naming
    those that do not. Of names that share one tensor, as a file of safetensors has it, one is
    enough. What a wrapper put before all names is taken off.
    """
    own = module.state_dict()
    tensors = fitting(tensors, own)
    given = {_place(own[name]) for name in own.keys() & tensors.keys()}
    missing = sorted(
        name for name in own.keys() - tensors.keys() if _place(own[name], name) not in given
    )
    unknown = sorted(tensors.keys() - own.keys())
    misshapen = [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(own[name].shape)}"
        for name in sorted(own.keys() & tensors.keys())
        if own[name].shape != tensors[name].shape
    ]
    refuse(file, missing, unknown, misshapen)
    module.load_state_dict(tensors, strict=False)


def fitting(tensors: dict[str, Tensor], own: Collection[str]) -> dict[str, Tensor]:
    """The tensors under a network's names, where a prefix is all that stands between the two."""
    if set(own) <= tensors.keys():
        return tensors
    renamed = renaming(tensors, own)
    if len(set(renamed.values())) < len(tensors):
        return tensors
    return {renamed[name]: tensor for name, tensor in tensors.items()}


def refuse(file: str, missing: list[str], unknown: list[str], misshapen: list[str]) -> None:
    """Raises CorruptWeights naming the tensors that do not fit a network, if there are any."""
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


def _place(tensor: Tensor, name: str = "") -> object:
    """Equal for tensors that are one in memory; an empty one is nobody's but `name`'s."""
    if not tensor.numel():
        return name
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()
