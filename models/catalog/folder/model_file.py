"""The valid keys of a model's TOML file, each with a validator for its value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fovea.models.catalog.builders import FORMS
from fovea.models.catalog.folder.image_processor import keys_of
from fovea.models.catalog.weights import shards
from fovea.models.catalog.weights.weights import PICKLES, CorruptWeights, how_to
from fovea.models.preprocessing import INTERPOLATIONS

TASKS = ("classification", "segmentation", "features", "captioning")
CROPS = ("centre", "centre-down", "squash")
LONGEST_SIDE_PX = 4096

Check = Callable[[Path, Any], Any]
"""Takes the TOML file and a value and returns the parsed value; raises Wrong."""


class Wrong(Exception):
    """An invalid value. Its text describes the valid ones. pickle: the file, if it is one."""

    def __init__(self, message: str, pickle: str | None = None) -> None:
        super().__init__(message)
        self.pickle = pickle


@dataclass(frozen=True, slots=True)
class Hosted:
    """Weights on the hub, in a repository <owner>/<name>."""

    repository: str


def beside(file: Path, name: Any) -> Path:
    """The file `name`, relative to the folder of `file` unless absolute."""
    if not isinstance(name, str) or not name:
        raise Wrong("it is the name of a file")
    path = file.parent / name
    if not path.is_file():
        raise Wrong(f"there is no file {name!r} beside {file.name}")
    return path


def _text(file: Path, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong("it is a text in quotes")
    return value.strip()


def _checksum(file: Path, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise Wrong("it is the SHA-256 checksum of the weights: 64 hexadecimal digits")
    return value.lower()


def _table(file: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong("it is a table: a line in square brackets, then its keys")
    return value


def _preprocessing(file: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, str):
        return _table(file, value)
    path = beside(file, value)
    found = _json(path)
    try:
        return keys_of(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = error if isinstance(error, ValueError) else "it is no image processor's"
        raise Wrong(f"{path.name}: {said}; write a table [preprocessing] instead") from error


def _one_of(*choices: str) -> Check:
    def check(file: Path, value: Any) -> str:
        if value not in choices:
            raise Wrong(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return check


def _weights(file: Path, value: Any) -> Path | Hosted:
    name = _text(file, value)
    if name.startswith("hub:"):
        if not re.fullmatch(r"hub:\w[\w.-]*/\w[\w.-]*", name, re.ASCII):
            raise Wrong(f"{name!r} is not hub:<owner>/<name>")
        return Hosted(name.removeprefix("hub:"))
    if Path(name).suffix.lower() in PICKLES:
        pickle = Path(name).name
        raise Wrong(
            f"{name} is a pickle, which can run code when it is opened. {how_to(pickle)}", pickle
        )
    if name.endswith(shards.INDEX_ENDING):
        return _index(beside(file, name))
    if Path(name).suffix != ".safetensors":
        raise Wrong(
            f"{name} is no .safetensors file, nor hub:<owner>/<name>, nor the index of several "
            f"files (…{shards.INDEX_ENDING})"
        )
    return beside(file, name)


def _index(path: Path) -> Path:
    """The index of a complete set."""
    try:
        gone = shards.missing(path)
    except CorruptWeights as error:
        raise Wrong(f"{error}. {error.hint}") from error
    if gone:
        raise Wrong(f"{path.name} names {', '.join(gone[:5])}, and that is not beside it")
    return path


def _config(file: Path, value: Any) -> dict[str, Any]:
    path = beside(file, value)
    found = _json(path)
    if not isinstance(found, dict):
        raise Wrong(f"{path.name} is not a configuration: a JSON object")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Wrong(f"{path.name} is not UTF-8 text") from error
    except OSError as error:
        raise Wrong(f"{path.name} cannot be read: {error.strerror}") from error


def _json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except ValueError as error:
        raise Wrong(f"{path.name} is not JSON ({error})") from error


def _label_list(file: Path, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        path = beside(file, value)
        if path.suffix == ".json":
            value = _json(path)
        else:
            value = [line.strip() for line in _read(path).splitlines()]
            while value and not value[-1]:
                value.pop()
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise Wrong("it is a list of texts, or the name of a file with one a line (or JSON)")
    return tuple(value)


def _side(file: Path, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= LONGEST_SIDE_PX:
        raise Wrong(f"{value!r} is no number of pixels from 1 to {LONGEST_SIDE_PX}")
    return value


def _size(file: Path, value: Any) -> tuple[int, int]:
    sides = value if isinstance(value, list) else [value, value]
    if len(sides) != 2:
        raise Wrong("it is one number of pixels, or [height, width]")
    return _side(file, sides[0]), _side(file, sides[1])


def _per_channel(positive: bool) -> Check:
    def check(file: Path, value: Any) -> tuple[float, ...]:
        numbers = value if isinstance(value, list) else [value]
        if len(numbers) not in (1, 3) or not all(type(n) in (int, float) for n in numbers):
            raise Wrong("it is three numbers, red, green and blue, or one for a grey photo")
        if not all(abs(n) < 1e6 and (n > 0 or not positive) for n in numbers):
            raise Wrong("it is of values in 0…1" + (", and not zero" if positive else ""))
        return tuple(float(n) for n in numbers)

    return check


TOP: dict[str, Check] = {
    "builder": _text, "weights": _weights, "config": _config, "title": _text, "summary": _text,
    "task": _one_of(*TASKS), "labels": _label_list, "licence": _text, "citation": _text,
    "sha256": _checksum, "arguments": _table, "preprocessing": _preprocessing,
}  # fmt: skip

PREPROCESSING: dict[str, Check] = {
    "size": _size, "resize": _side, "mean": _per_channel(positive=False),
    "std": _per_channel(positive=True), "interpolation": _one_of(*INTERPOLATIONS),
    "crop": _one_of(*CROPS), "channels": _one_of("rgb", "bgr"), "stretch": _size,
}  # fmt: skip

NEEDED = {"builder": FORMS, "weights": "the name of a .safetensors file, or hub:<owner>/<name>"}
