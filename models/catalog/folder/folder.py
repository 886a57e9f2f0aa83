"""The model folder: one TOML file for each model (docs/models-folder.md).

A file names the network's builder, its weights, its preprocessing and its classes. All mistakes of
a file are reported at once, each with its line and a remedy; a model with mistakes is listed as
unusable and does not affect the others.

The folder is trusted: a `package.module:factory` runs code that is importable here.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fovea.models.catalog import builders, timm_zoo
from fovea.models.catalog.folder.model_file import NEEDED, PREPROCESSING, TOP, Check, Hosted, Wrong
from fovea.models.catalog.folder.toml_lines import line_of, syntax_error
from fovea.models.catalog.spec import ModelSpec
from fovea.models.catalog.weights import shards
from fovea.models.catalog.weights.weights import (
    CorruptWeights,
    InvalidModelFile,
    UnsafeCheckpoint,
    how_to,
    unreadable,
)
from fovea.models.closest import closest
from fovea.models.preprocessing import Fit, Preprocessing

log = logging.getLogger("fovea.models")


@dataclass(frozen=True, slots=True)
class Mistake:
    """line: from 1; None if the file has no line to point at."""

    line: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model as described by its file.

    weights: the file, or the index of several; None if there are mistakes or the weights are on the
    hub, whose repository is in the spec. arguments: for the builder, including those of the
    configuration file. pickle: name of the weights file if it is a pickle. unreadable: why that
    file cannot be read, or None. labelled: whether the file itself names the classes.
    """

    spec: ModelSpec
    builder: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    mistakes: tuple[Mistake, ...] = ()
    pickle: str | None = None
    sha256: str | None = None
    unreadable: str | None = None
    labelled: bool = False

    def error(self) -> InvalidModelFile | UnsafeCheckpoint | CorruptWeights:
        """Why it is unusable, or None."""
        if self.unreadable is not None and len(self.mistakes) == 1:
            return CorruptWeights(self.unreadable, "Make the file readable, or supply it again.")
        text = f"{self.spec.id}.toml: {'; '.join(str(mistake) for mistake in self.mistakes)}"
        if self.pickle is not None and len(self.mistakes) == 1:
            return UnsafeCheckpoint(text, how_to(self.pickle))
        return InvalidModelFile(
            text, "Correct the file; docs/models-folder.md lists the valid keys."
        )


def listed(folder: Path) -> list[Entry]:
    """Every model of the folder by name, including unusable ones."""
    return [read(path) for path in sorted(folder.glob("*.toml"))]


def read(path: Path) -> Entry:
    """The model of one file."""
    unreadable = Entry(_spec(path.stem, {}, _UNKNOWN))
    try:
        text = path.read_bytes().decode("utf-8")
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _refused(unreadable, [Mistake(*syntax_error(str(error)))])
    except UnicodeDecodeError as error:
        return _refused(unreadable, [Mistake(None, f"not UTF-8 text ({error.reason})")])
    except OSError as error:
        return _refused(unreadable, [Mistake(None, f"cannot be read: {error.strerror}")])
    try:
        return _Reader(path, text, given).entry()
    except Exception as error:  # a broken third-party library affects this model only
        log.exception("%s cannot be understood", path.name)
        said = f"cannot be understood ({type(error).__name__}); the log says more"
        return _refused(unreadable, [Mistake(None, said)])


def _refused(entry: Entry, mistakes: list[Mistake], pickle: str | None = None) -> Entry:
    entry = replace(entry, weights=None, mistakes=tuple(mistakes), pickle=pickle)
    spec = replace(entry.spec, source="local", reason=str(entry.error()))
    return replace(entry, spec=spec)


class _Reader:
    """Validates one file key by key and collects its mistakes."""

    def __init__(self, path: Path, text: str, given: dict[str, Any]) -> None:
        self.path, self.text, self.given = path, text, given
        self.mistakes: list[Mistake] = []
        self.pickle: str | None = None

    def entry(self) -> Entry:
        self._check_name()
        self._check_keys(self.given, TOP, ())
        values = {key: self._value(self.given, key, check) for key, check in TOP.items()}
        builder = values["builder"] or ""
        arguments = {**(values["config"] or {}), **(values["arguments"] or {})}
        if values["config"] is not None and not builder.startswith("transformers:"):
            self._say("only a transformers builder takes a `config` file", "config")
        if (
            builder
            and (wrong := builders.problem(builder, arguments, self.path.parent)) is not None
        ):
            self._say(f"builder: {wrong}", "builder")
            builder = ""
        for key in ("builder", "weights"):
            if key not in self.given:
                self._say(f"there is no `{key}`; it is {NEEDED[key]}")
        preprocessing = self._preprocessing(builder, values["preprocessing"])
        spec = _spec(self.path.stem, {**values, "labels": self._labels(values)}, preprocessing)
        weights, why = values["weights"], None
        if isinstance(weights, Hosted):
            spec = replace(spec, source="hub", repository=weights.repository)
            entry = Entry(spec, builder, arguments)
        else:
            size = shards.size_bytes(weights) if weights else None
            if weights and not shards.is_index(weights):
                why = unreadable(weights)
            if why is not None:
                self._say(f"weights: {why}", "weights")
            entry = Entry(replace(spec, size_bytes=size), builder, arguments, weights)
        entry = replace(
            entry, sha256=values["sha256"], unreadable=why, labelled=values["labels"] is not None
        )
        if self.mistakes:
            self.mistakes.sort(key=lambda mistake: mistake.line or 0)
            return _refused(entry, self.mistakes, self.pickle)
        return entry

    def _say(self, message: str, *key: str) -> None:
        self.mistakes.append(Mistake(line_of(self.text, *key), message))

    def _check_name(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.path.stem, re.ASCII):
            self._say("the file's name is the model's id: letters, digits, dots, - and _")

    def _check_keys(
        self, table: Mapping[str, Any], known: Mapping[str, Any], at: tuple[str, ...]
    ) -> None:
        for key in table:
            if key in known:
                continue
            where = f"[{'.'.join(at)}] has no" if at else "there is no"
            message = f"{where} key `{key}`; {_meant(key, list(known))}"
            if at and key in TOP:
                message = f"`{key}` belongs above the first [table] of the file"
            self._say(message, *at, key)

    def _value(
        self, table: Mapping[str, Any], key: str, check: Check, at: tuple[str, ...] = ()
    ) -> Any:
        """The validated value of a key; None if absent or invalid."""
        if key not in table:
            return None
        try:
            return check(self.path, table[key])
        except Wrong as wrong:
            self._say(f"{key}: {wrong}", *at, key)
            self.pickle = wrong.pickle or self.pickle
            return None

    def _preprocessing(self, builder: str, given: Any) -> Preprocessing:
        """given: the validated table, or what its file says; None if absent or invalid."""
        at = ("preprocessing",)
        table: dict[str, Any] = given or {}
        self._check_keys(table, PREPROCESSING, at)
        values = {key: self._value(table, key, check, at) for key, check in PREPROCESSING.items()}
        of_timm = str(self.given.get("builder")).startswith("timm:")
        base = timm_zoo.preprocessing(builder[5:]) if of_timm and builder else _UNKNOWN
        missing = [f"`{key}`" for key in ("size", "mean", "std") if key not in table]
        if missing and not of_timm and (given is not None or "preprocessing" not in self.given):
            self._say(f"[preprocessing] needs {', '.join(missing)}", *at)
        crop_px = values["size"] or base.crop_px
        mean, std = values["mean"] or base.mean, values["std"] or base.std
        if len(mean) != len(std):
            self._say(f"mean has {len(mean)} numbers, std {len(std)}", *at, "std")
        resize = values["resize"]
        if resize is not None and resize < min(crop_px):
            self._say(f"resize: {resize} is less than the size that is cut from it", *at, "resize")
        if resize is None:
            resize = min(crop_px) if "size" in table else base.resize_px
        stretch = values["stretch"]
        if stretch is not None and (stretch[0] < crop_px[0] or stretch[1] < crop_px[1]):
            self._say(f"stretch: {list(stretch)} is less than the size that is cut from it", *at,
                      "stretch")  # fmt: skip
        fits: dict[str | None, Fit] = {
            "centre": "crop", "centre-down": "crop", "squash": "squash", None: base.fit
        }  # fmt: skip
        return Preprocessing(
            resize_px=resize,
            crop_px=crop_px,
            interpolation=values["interpolation"] or base.interpolation,
            mean=mean,
            std=std,
            channels=len(mean),
            fit=fits[values["crop"]],
            order=values["channels"] or base.order,
            stretch_px=values["stretch"],
            centre_down=values["crop"] == "centre-down",
        )

    def _labels(self, values: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The given class names, else those of a transformers configuration."""
        if values["labels"] is not None:
            labels: tuple[str, ...] = values["labels"]
            return labels
        names = (values["config"] or {}).get("id2label")
        if not isinstance(names, dict) or not all(str(key).isdigit() for key in names):
            return None
        return tuple(str(names[key]) for key in sorted(names, key=int))


_UNKNOWN = Preprocessing(224, (224, 224), "bicubic", (0.5,) * 3, (0.5,) * 3)


def _meant(key: str, known: list[str]) -> str:
    found = closest(key, known)
    return f"there are {', '.join(known)}" if found is None else f"did you mean `{found}`?"


def _spec(id: str, values: Mapping[str, Any], preprocessing: Preprocessing) -> ModelSpec:
    height, width = preprocessing.crop_px
    built = values.get("builder") or "a file of the model folder"
    return ModelSpec(
        id=id,
        title=values.get("title") or id,
        summary=values.get("summary") or f"{built} at {width}×{height} px.",
        mechanisms=(),
        task=values.get("task") or "classification",
        source="local",
        preprocessing=preprocessing,
        labels=values.get("labels"),
        licence=values.get("licence"),
        citation=values.get("citation"),
    )


def complaints(entries: list[Entry]) -> Iterator[str]:
    """One line for each mistake, as `file, line n: …`."""
    for entry in entries:
        for mistake in entry.mistakes:
            where = "" if mistake.line is None else f", line {mistake.line}"
            yield f"{entry.spec.id}.toml{where}: {mistake.message}"
