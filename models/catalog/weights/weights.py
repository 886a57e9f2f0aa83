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
"""File suffixes of torch.save."""


class WeightsError(Exception):
    """Unusable weights. `hint` says what to do."""

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
    """The error for a pickle of this name, with the command that converts it safely."""
    return UnsafeCheckpoint(
        f"{file} is a pickle, which can run code when it is opened", how_to(file)
    )


def how_to(file: str) -> str:
    """The command that converts the pickle `file`."""
    return f"Convert it: fovea convert {file} {Path(file).stem}.safetensors"


def is_pickle(data: bytes) -> bool:
    """Whether these are the first bytes of a torch.save file, current (ZIP) or before 1.6."""
    if data[:4] == b"PK\x03\x04":
        return re.search(rb"/(data\.pkl|\.format_version|byteorder)", data[:512]) is not None
    legacy = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # torch's magic number, pickled
    starts = (legacy, b"\x95", b"}q", b"]q", b"c")
    # A safetensors header begins at byte 8, whatever the length field before it looks like.
    return data[:1] == b"\x80" and data[8:9] != b"{" and data[2:].startswith(starts)


def sha256(path: Path) -> str:
    """The checksum of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, expected_sha256: str | None = None) -> tuple[dict[str, Tensor], str]:
    """(tensors by name, checksum) of a safetensors file; raises CorruptWeights naming the file."""
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
    """Whether the file exists but this process lacks permission to read it."""
    return path is not None and not os.access(path, os.R_OK)


def unreadable(path: Path) -> str | None:
    """Why a safetensors file is unreadable, judged by its header; None if it is fine."""
    if may_not_be_read(path):
        return f"{path.name} cannot be read (permission): chmod 644 {path.name}"
    try:
        with path.open("rb") as file:
            start = file.read(512)
        if not start:
            return f"{path.name} has no bytes"
        if is_pickle(start):
            return None  # reading it reports what it is
        with safetensors.safe_open(path, "pt"):
            return None
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror or 'an error of the disk'})"
    except safetensors.SafetensorError as error:
        return f"{path.name}: not a readable safetensors file ({error})"


def expected_beside(path: Path) -> str | None:
    """The checksum in `<file>.sha256`, in sha256sum's format; None without that file."""
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
    """Copies `tensors` into `module`; every name and shape must match. Raises CorruptWeights naming
    those that do not. Of names that share a tensor, one is enough, as safetensors stores it once. A
    wrapper's prefix is stripped.
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
    """The tensors under the network's names, if only a prefix differs."""
    if set(own) <= tensors.keys():
        return tensors
    renamed = renaming(tensors, own)
    if len(set(renamed.values())) < len(tensors):
        return tensors
    return {renamed[name]: tensor for name, tensor in tensors.items()}


def refuse(file: str, missing: list[str], unknown: list[str], misshapen: list[str]) -> None:
    """Raises CorruptWeights naming the tensors that do not fit the network, if any."""
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
    """Equal for tensors that share memory; an empty tensor is identified by `name` alone."""
    if not tensor.numel():
        return name
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()
