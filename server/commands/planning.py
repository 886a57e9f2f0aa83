"""Which file is written for which photo or sentence, decided before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fovea.server.commands.common import USAGE, Stop

FORMATS = ("png", "npy", "html")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".mpo", ".avif")
"""Files of a folder that are meant to be photos; what they are is told by their content."""


@dataclass(frozen=True, slots=True)
class Work:
    """One photo, or one sentence, and the file that is written for it."""

    given: Path | str
    output: Path

    def __str__(self) -> str:
        return f"“{self.given}”" if isinstance(self.given, str) else str(self.given)

    def read(self) -> bytes | str:
        """What the network is given."""
        return self.given if isinstance(self.given, str) else self.given.read_bytes()


def plan(given: list[Path], output: Path, file_format: str | None) -> list[Work]:
    """The work for photos and folders of them; ends the command where that is not clear."""
    if len(given) == 1 and not given[0].is_dir() and _names_a_file(output, file_format):
        return [_careful(given[0], output)]
    _must_be_a_folder(output, "photos")
    photos = [photo for path in given for photo in _photos_of(path)]
    ending = file_format or "png"
    stems = [photo.stem for photo in photos]
    # Two photos of one name keep their suffix, or their folder's name, to be told apart.
    names = [photo.stem if stems.count(photo.stem) == 1 else photo.name for photo in photos]
    names = [
        name if names.count(name) == 1 else f"{photo.absolute().parent.name}-{name}"
        for name, photo in zip(names, photos, strict=True)
    ]
    if clashes := sorted({name for name in names if names.count(name) > 1}):
        raise Stop(f"two photos would both be written as {clashes[0]}.{ending}.", USAGE)
    return [
        _careful(photo, output / f"{name}.{ending}")
        for photo, name in zip(photos, names, strict=True)
    ]


def plan_sentences(given: Sequence[str], output: Path, file_format: str | None) -> list[Work]:
    """The work for sentences; in a folder they are numbered from 1, in the order given."""
    if len(given) == 1 and _names_a_file(output, file_format):
        return [Work(given[0], output)]
    _must_be_a_folder(output, "sentences")
    ending, width = file_format or "png", len(str(len(given)))
    return [
        Work(text, output / f"sentence-{number:0{width}}.{ending}")
        for number, text in enumerate(given, start=1)
    ]


def _names_a_file(output: Path, file_format: str | None) -> bool:
    """Whether one map is written to `output` itself, and not into a folder of that name."""
    suffix = _suffix(output)
    if output.is_dir() or not (suffix or not file_format):
        return False
    if suffix not in FORMATS or file_format not in (None, suffix):
        raise Stop(
            f"{output.name!r} should end in .png, .npy or .html; "
            "or name a folder that exists, with --format.",
            USAGE,
        )
    return True


def _must_be_a_folder(output: Path, several: str) -> None:
    if (suffix := _suffix(output)) in FORMATS and not output.is_dir():
        raise Stop(
            f"several {several} are written into a folder, not into {output.name!r}: "
            f"-o {output.stem} --format {suffix}.",
            USAGE,
        )


def _suffix(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def _photos_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
    if not found:
        raise Stop(f"there are no photos in {path}.", USAGE)
    return found


def _careful(photo: Path, output: Path) -> Work:
    """Raises Stop rather than write over a photo."""
    if output.exists() and photo.exists() and output.samefile(photo):
        raise Stop(f"{output} is the photo itself; it would be written over.", USAGE)
    return Work(photo, output)
