"""Plans which file is written for which photo or sentence, before anything is computed."""

from __future__ import annotations

import glob
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fovea.server.commands.common import USAGE, Stop

FORMATS = ("png", "jpg", "webp", "npy", "html")
ALIASES = {"jpeg": "jpg"}
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".mpo", ".avif")
"""Suffixes of files in a folder that are taken as photos; the content decides what they are."""

STDIN = Path("-")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/|data:|www\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Work:
    """One photo or sentence and its output files, one for each map; `outputs` is empty if nothing
    is written.
    """

    given: Path | str
    outputs: tuple[Path, ...] = ()

    def __str__(self) -> str:
        if self.given == STDIN:
            return "standard input"
        return f"“{self.given}”" if isinstance(self.given, str) else str(self.given)

    def read(self) -> bytes | str:
        """Reads the network's input."""
        if isinstance(self.given, str):
            return self.given
        return sys.stdin.buffer.read() if self.given == STDIN else self.given.read_bytes()


def photos_named(words: Sequence[str]) -> list[Path]:
    """The paths of the command line with patterns expanded; ends the command for a URL."""
    found: list[Path] = []
    for word in words:
        if ADDRESS.match(word) and not Path(word).exists():
            raise Stop(
                f"{word!r} is an address; this command reads files and downloads no photos. "
                "Pipe it in: curl -s ADDRESS | fovea explain - -o map.png.",
                USAGE,
            )
        if glob.has_magic(word) and not Path(word).exists():
            matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - shell semantics
            if not matches:
                raise Stop(f"no file matches {word!r}.", USAGE)
            found += map(Path, matches)
        else:
            found.append(Path(word))
    if found.count(STDIN) > 1:
        raise Stop("standard input can be read once; give - once.", USAGE)
    return found


def files_of(given: list[Path]) -> list[Path]:
    """The photos among the paths and inside the folders."""
    return [photo for path in given for photo in _photos_of(path)]


def plan(
    given: list[Path], output: Path, file_format: str | None, maps: Sequence[str] = ("",)
) -> list[Work]:
    """The work for photos and folders; ends the command if it is ambiguous.

    maps: if there are several, each file name carries the map's name.
    """
    one_file = len(given) == len(maps) == 1 and not given[0].is_dir()
    if one_file and _names_a_file(output, file_format):
        return [_careful(given[0], [output])]
    _must_be_a_folder(output, "photos" if len(maps) == 1 else "maps")
    photos = files_of(given)
    ending = file_format or "png"
    stems = [_stem(photo) for photo in photos]
    # Photos with equal names keep their suffix or folder name to stay distinct.
    names = [
        stem if stems.count(stem) == 1 else photo.name
        for photo, stem in zip(photos, stems, strict=True)
    ]
    names = [
        name if names.count(name) == 1 else f"{photo.absolute().parent.name}-{name}"
        for name, photo in zip(names, photos, strict=True)
    ]
    if clashes := sorted({name for name in names if names.count(name) > 1}):
        raise Stop(f"two photos would both be written as {clashes[0]}.{ending}.", USAGE)
    return [
        _careful(photo, _in_folder(output, name, maps, ending))
        for photo, name in zip(photos, names, strict=True)
    ]


def plan_sentences(
    given: Sequence[str], output: Path, file_format: str | None, maps: Sequence[str] = ("",)
) -> list[Work]:
    """The work for sentences; in an output folder they are numbered from 1 in order."""
    if len(given) == len(maps) == 1 and _names_a_file(output, file_format):
        return [Work(given[0], (output,))]
    _must_be_a_folder(output, "sentences" if len(maps) == 1 else "maps")
    ending, width = file_format or "png", len(str(len(given)))
    return [
        Work(text, tuple(_in_folder(output, f"sentence-{number:0{width}}", maps, ending)))
        for number, text in enumerate(given, start=1)
    ]


def suffix_of(path: Path) -> str:
    """The file's format: one of FORMATS, or its suffix if unknown."""
    suffix = path.suffix.lower().removeprefix(".")
    return ALIASES.get(suffix, suffix)


def _in_folder(folder: Path, name: str, maps: Sequence[str], ending: str) -> list[Path]:
    if len(maps) == 1:
        return [folder / f"{name}.{ending}"]
    return [folder / f"{name}-{one}.{ending}" for one in maps]


def _stem(photo: Path) -> str:
    return "stdin" if photo == STDIN else photo.stem


def _names_a_file(output: Path, file_format: str | None) -> bool:
    """Whether `output` is the file to write and not a folder."""
    suffix = suffix_of(output)
    if output.is_dir() or not (suffix or not file_format):
        return False
    if suffix not in FORMATS or file_format not in (None, suffix):
        raise Stop(
            f"{output.name!r} should end in {_listed(FORMATS)}; "
            "or name a folder that exists, with --format.",
            USAGE,
        )
    return True


def _must_be_a_folder(output: Path, several: str) -> None:
    if (suffix := suffix_of(output)) in FORMATS and not output.is_dir():
        raise Stop(
            f"several {several} are written into a folder, not into {output.name!r}: "
            f"-o {output.stem} --format {suffix}.",
            USAGE,
        )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(f'.{name}' for name in names[:-1])} or .{names[-1]}"


def _photos_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
    if not found:
        raise Stop(f"there are no photos in {path}.", USAGE)
    return found


def _careful(photo: Path, outputs: Sequence[Path]) -> Work:
    """Raises Stop if an output would overwrite a photo."""
    for output in outputs:
        if output.exists() and photo.exists() and output.samefile(photo):
            raise Stop(f"{output} is the photo itself; it would be written over.", USAGE)
    return Work(photo, tuple(outputs))
