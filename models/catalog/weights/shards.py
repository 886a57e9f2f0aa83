"""Weights in several files: an index names them, and says which tensor is in which.

    model.safetensors.index.json        {"weight_map": {"head.bias": "model-00002-of-00002.…", …}}
    model-00001-of-00002.safetensors
    model-00002-of-00002.safetensors

All lie in one folder; `path` below is the index, or the file where there is but one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from fovea.models.catalog.weights import weights
from fovea.models.catalog.weights.weights import CorruptWeights

INDEX_ENDING = ".safetensors.index.json"
_FETCH_AGAIN = "The set is damaged or not complete; fetch all of its files again."


def is_index(path: Path) -> bool:
    """Whether the file name is that of an index."""
    return path.name.endswith(INDEX_ENDING)


def names(index: Path, called: str | None = None) -> tuple[str, ...]:
    """The files of the set, in order; raises CorruptWeights for an invalid index.

    called: name of the index for messages, if it differs from the file's.
    """
    return tuple(sorted(set(_weight_map(index, called or index.name).values())))


def missing(index: Path) -> list[str]:
    """The files of the set that are missing from the index's folder."""
    return [name for name in names(index) if not (index.parent / name).is_file()]


def files(path: Path) -> tuple[Path, ...]:
    """The files with the tensors: those of the set, or the single file."""
    return tuple(path.parent / name for name in names(path)) if is_index(path) else (path,)


def size_bytes(path: Path) -> int:
    """Total bytes of all files with tensors."""
    return sum(file.stat().st_size for file in files(path))


def read(
    path: Path, expected: Callable[[Path], str | None] = lambda file: None
) -> tuple[dict[str, Tensor], str]:
    """(tensors by name, checksum), as `weights.read` returns for one file.

    expected: the required checksum of each file, as far as known. The checksum of a set is that of
    its files' checksums. Raises CorruptWeights, also if a tensor is missing from the file that the
    index names or occurs in two.
    """
    if not is_index(path):
        return weights.read(path, expected(path))
    index = _weight_map(path, path.name)
    if gone := missing(path):
        raise CorruptWeights(f"{path.name} names {', '.join(gone)}, not there", _FETCH_AGAIN)
    tensors: dict[str, Tensor] = {}
    home: dict[str, str] = {}
    checksums = []
    for file in files(path):
        found, checksum = weights.read(file, expected(file))
        if twice := sorted(found.keys() & tensors.keys()):
            raise CorruptWeights(f"{path.name}: {twice[0]} is in two files", _FETCH_AGAIN)
        tensors |= found
        home |= dict.fromkeys(found, file.name)
        checksums.append(checksum)
    for tensor, name in sorted(index.items()):
        if home.get(tensor) != name:
            raise CorruptWeights(f"{path.name}: {tensor} is not in {name}", _FETCH_AGAIN)
    return tensors, hashlib.sha256("\n".join(checksums).encode()).hexdigest()


def _weight_map(index: Path, called: str) -> dict[str, str]:
    """The file of each tensor. A file name with a path is refused, as it could point anywhere."""
    try:
        found: Any = json.loads(index.read_text("utf-8"))
        mapped = found["weight_map"]
        named = mapped.values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptWeights(
            f"{called}: no index of weights",
            'It is JSON: {"weight_map": {"<tensor>": "<file>.safetensors", …}}.',
        ) from error
    strange = [name for name in named if not _is_a_plain_name(name)]
    if strange or not mapped:
        named_so = f"names {str(strange[0])[:80]!r}" if strange else "names no file"
        raise CorruptWeights(
            f"{called} {named_so}", "It names .safetensors files that lie beside it."
        )
    return dict(mapped)


def _is_a_plain_name(name: object) -> bool:
    return isinstance(name, str) and bool(re.fullmatch(r"\w[\w.-]*\.safetensors", name, re.ASCII))
