"""What the commands share: settings, the catalogue, tables, and errors as sentences."""

from __future__ import annotations

import argparse
import codecs
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fovea.server.commands.spoken import spoken

if TYPE_CHECKING:
    from fovea.models.catalog.catalog import Catalog
    from fovea.server.problems import Problem
    from fovea.server.settings import Settings

DONE, FAILED, USAGE = 0, 1, 2
"""Exit codes: all done; something could not be done; the command was not understood."""


class Stop(Exception):
    """Ends the command with a sentence and an exit code."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def say(*lines: str) -> None:
    """To the error stream: what a person reads, and a pipe does not want."""
    print(*map(spoken, lines), sep="\n", file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """To standard output: sentences for a person."""
    print(spoken(text), flush=True)


PLAIN = str.maketrans(
    {"→": "->", "×": "x", "·": "-", "–": "-", "…": "...", "“": '"', "”": '"', "−": "-"}
)
"""What the commands print besides ASCII, for streams that cannot have it."""


def tolerate_encoding() -> None:
    """Lets output through where the stream's encoding lacks a character, as on Windows in a pipe:
    it is written in ASCII's way, or as a question mark.
    """
    codecs.register_error("fovea-plain", _in_plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "surrogateescape":
            stream.reconfigure(errors="fovea-plain")


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that could not be written, and where to go on."""
    assert isinstance(error, UnicodeEncodeError)
    there = error.object[error.start : error.end].translate(PLAIN)
    return there.encode("ascii", "replace").decode(), error.end


def settings_for(options: argparse.Namespace, **overrides: Any) -> Settings:
    """The settings from the environment (docs/settings.md), the command line's first."""
    from fovea.server.settings import SettingsError, load

    for name in ("device", "offline"):
        if (value := getattr(options, name, None)) not in (None, False):
            overrides[name] = value
    try:
        return load(**overrides)
    except SettingsError as error:
        raise Stop(str(error), USAGE) from error


def catalogue(settings: Settings | None = None) -> Catalog:
    """The catalogue for these settings, or for those of the environment."""
    from fovea.models.catalog.catalog import Catalog
    from fovea.server.settings import load

    chosen = settings or load()
    return Catalog(chosen.weights_dir, chosen.cache_dir, chosen.models_dir, offline=chosen.offline)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which network."""
    parser.add_argument(
        "--model",
        metavar="ID",
        help="a network, as `fovea models` lists it (FOVEA_DEFAULT_MODEL, else vit; of sentences "
        "text_transformer)",
    )


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Where the work is done."""
    parser.add_argument(
        "--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps (FOVEA_DEVICE, auto)"
    )


def add_offline(parser: argparse.ArgumentParser) -> None:
    """Whether weights may come from the hub."""
    parser.add_argument(
        "--offline", action="store_true", help="never download weights (FOVEA_OFFLINE)"
    )


# Problems are written for those who ask over HTTP; on the command line some hints differ.
_HINTS = {
    "unknown-model": "`fovea models WORD…` finds more.",
    "unknown-map": None,
    "unknown-site": "`fovea doctor MODEL` lists the sites.",
    "wrong-kind": "`fovea doctor MODEL` lists the sites and what they are.",
    "map-not-possible": "`fovea doctor MODEL` says which maps this network can have.",
    "invalid-parameter": "",
    "wrong-input": "A PHOTO is for networks that look, --text for those that read.",
}


def sentence(problem: Problem) -> str:
    """A problem in words, with what to do about it."""
    hint = _HINTS.get(problem.slug, problem.hint)
    if hint == "":
        hint = problem.hint
    if hint and ("/v1/" in hint or "Accept" in hint):
        hint = None
    return f"{problem.detail} {hint}" if hint else problem.detail


@contextmanager
def problems_stop() -> Iterator[None]:
    """Ends the command where the server would answer with a problem."""
    from fovea.server.answers.refusals import problem_of
    from fovea.server.problems import InvalidParameter, Missing

    try:
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        misused = isinstance(problem, Missing | InvalidParameter)
        raise Stop(sentence(problem), USAGE if misused else FAILED) from error


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; numbers to the right."""
    lines = [[*map(str, head)], *([*map(str, row)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = [
        all(cell.replace(".", "", 1).isdigit() or cell == "–" for cell in column[1:])
        and len(column) > 1
        for column in zip(*lines, strict=True)
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def bytes_in_words(count: float | None) -> str:
    """For example 3.4 MB; a dash where it is not known."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 100 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
