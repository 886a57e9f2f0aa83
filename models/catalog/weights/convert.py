"""Converts pickles to safetensors, once and safely: `fovea convert in.pth out.safetensors`.

A pickle is read by torch's restricted reader (`weights_only=True`), which creates tensors and plain
containers and runs no code. Types that training scripts store beside the weights are allowed too:
arguments, paths, numbers. Only the tensors are written.
"""

from __future__ import annotations

import argparse
import pathlib
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from fovea.models.catalog.weights.names import renaming, without_wrappers

WRAPPINGS = (
    "state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema", "module",
    "teacher", "student", "net", "network", "weights",
)  # fmt: skip
"""Keys under which training scripts store the weights; the first that exists is used. (DINO's
authors use the teacher.)
"""

READABLE = 0o644
"""safetensors makes files readable by their owner only, but a server runs as another user."""


class NotConvertible(Exception):
    """A file from which no weights can be extracted. The message says why."""


_SETTINGS = tuple(
    (OrderedDict, name)
    for name in (
        "lightning.fabric.utilities.data.AttributeDict",
        "lightning_fabric.utilities.data.AttributeDict",
        "pytorch_lightning.utilities.parsing.AttributeDict",
        "lightning.pytorch.utilities.parsing.AttributeDict",
        "omegaconf.dictconfig.DictConfig",
        "easydict.EasyDict",
        "ml_collections.config_dict.config_dict.ConfigDict",
        "addict.addict.Dict",
        "yacs.config.CfgNode",
    )
)
"""Settings dictionaries of Lightning and others, read as OrderedDict: this runs none of their code
and does not require them.
"""

_SCALAR = np.float64().__reduce__()[0]
"""NumPy's scalar constructor, which has moved between NumPy versions."""

ALLOWED: list[Any] = [
    argparse.Namespace,
    pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath,
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype, *{type(np.dtype(kind)) for kind in "?bhilqBHILQefd"},
    *_SETTINGS,
]  # fmt: skip
"""Types that torch's reader may create beside tensors and plain containers. None of them runs a
file author's code: all are from the standard library or NumPy.
"""


@dataclass(frozen=True, slots=True)
class Converted:
    """shapes: of the written tensors, by name. renamed: name in the files → written name. left:
    names of tensors unknown to the network, if one was given. missing: names of the network absent
    from the files.
    """

    shapes: dict[str, tuple[int, ...]]
    renamed: dict[str, str]
    left: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def convert(
    sources: Path | Sequence[Path],
    target: Path,
    own: Collection[str] | None = None,
    key: str | None = None,
) -> Converted:
    """Writes the tensors of the checkpoints `sources` to `target`.

    own: names of the target network's tensors; wrapper prefixes are stripped, and unknown tensors
    are left out. key: the part of the checkpoint to use; by default the first of WRAPPINGS that
    exists. Raises NotConvertible with a message for people.
    """
    files = [sources] if isinstance(sources, Path) else list(sources)
    if target.suffix != ".safetensors":
        raise NotConvertible(f"the last file is called something.safetensors, not {target.name}")
    if any(file.resolve() == target.resolve() for file in files):
        raise NotConvertible(f"{target.name} would be written over what it is made of")
    tensors: dict[str, Tensor] = {}
    for source in files:
        found = _tensors(_open(source), source.name, key)
        if twice := sorted(found.keys() & tensors.keys()):
            raise NotConvertible(f"{twice[0]} is in {source.name} and in a file before it")
        tensors |= found
    renamed = {name: without_wrappers(name) for name in tensors}
    if own is not None:
        fitting = renaming(list(renamed.values()), own)
        renamed = {name: fitting[new] for name, new in renamed.items()}
    left = tuple(sorted(n for n, new in renamed.items() if own is not None and new not in own))
    written = {renamed[name]: tensor for name, tensor in tensors.items() if name not in left}
    if len(written) + len(left) < len(tensors):
        raise NotConvertible("without their prefix, two tensors have the same name")
    if not written:
        raise NotConvertible(
            f"none of the {len(tensors)} tensors has a name of the network: "
            f"{', '.join(sorted(tensors)[:3])}, …"
        )
    _write(written, target)
    missing = () if own is None else tuple(sorted(set(own) - written.keys()))
    shapes = {name: tuple(tensor.shape) for name, tensor in written.items()}
    return Converted(shapes, {n: new for n, new in renamed.items() if n not in left}, left, missing)


def _write(tensors: dict[str, Tensor], target: Path) -> None:
    """Atomic, and readable for a server that runs as another user."""
    part = target.with_name(target.name + ".part")
    # safetensors requires that tensors do not share memory.
    own = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    try:
        safetensors.torch.save_file(own, part, metadata={"format": "pt"})
        part.chmod(READABLE)
        part.replace(target)
    except (OSError, safetensors.SafetensorError) as error:
        part.unlink(missing_ok=True)
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise NotConvertible(f"cannot write {target}: {said}") from error


def _open(source: Path) -> Any:
    try:
        if source.suffix == ".safetensors":
            return safetensors.torch.load_file(source)
        with torch.serialization.safe_globals(ALLOWED):
            return torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NotConvertible(f"cannot read {source}: {error.strerror or error}") from error
    except Exception as error:  # damaged files raise anything
        raise NotConvertible(_why_not(source, error)) from error


_NAMED = re.compile(r"(?:GLOBAL|class|function|global:?)\s+[`'\"]?([A-Za-z_]\w*(?:\.\w+)+)")


def _why_not(source: Path, error: Exception) -> str:
    """Our own wording: torch's message advises to disable its safety check."""
    try:
        strangers = torch.serialization.get_unsafe_globals_in_checkpoint(source)
    except Exception:  # the legacy format, or damaged
        strangers = []
    allowed = {a[1] if isinstance(a, tuple) else f"{a.__module__}.{a.__name__}" for a in ALLOWED}
    names = [name for name in strangers if name not in allowed] or _NAMED.findall(str(error))
    if not names:
        return f"{source.name} is damaged, or is no checkpoint of torch.save"
    return (
        f"{source.name} holds more than tensors ({', '.join(sorted(set(names))[:4])}): reading "
        "that would run code of the file's author, and is refused. Where you trust it and have its "
        "code, save only network.state_dict() there"
    )


def _tensors(found: Any, name: str, key: str | None) -> dict[str, Tensor]:
    """The tensors by name, of the selected part."""
    if key is not None:
        if not isinstance(found, Mapping) or not isinstance(found.get(key), Mapping):
            parts = _parts(found)
            raise NotConvertible(
                f"{name} has no part {key!r}; it has {', '.join(parts) or 'none by name'}"
            )
        return _tensors(found[key], name, None)
    if isinstance(found, Mapping):
        for wrapping in WRAPPINGS:
            if isinstance(found.get(wrapping), Mapping):
                return _tensors(found[wrapping], name, None)
        named = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
        if named:
            return named
        if len(parts := _parts(found)) == 1:
            return _tensors(found[parts[0]], name, None)
        if parts:
            raise NotConvertible(
                f"{name} holds weights in several parts: {', '.join(parts)}; say which one with "
                "--key"
            )
    raise NotConvertible(
        f"{name} holds no tensors by name; it should be what torch.save wrote of "
        "network.state_dict()"
    )


def _parts(found: Any) -> list[str]:
    """Keys under which there are named tensors."""
    if not isinstance(found, Mapping):
        return []
    return [
        str(key)
        for key, part in found.items()
        if isinstance(part, Mapping) and any(isinstance(value, Tensor) for value in part.values())
    ]
