"""Helpers shared by the commands: settings, catalogue, tables, errors as sentences."""

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
"""Exit codes: success, failure, usage error."""


class Stop(Exception):
    """Ends the command with a message and an exit code."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def say(*lines: str) -> None:
    """Print to stderr: for people, not for pipes."""
    print(*map(spoken, lines), sep="\n", file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """Print to stdout."""
    print(spoken(text), flush=True)


PLAIN = str.maketrans(
    {"→": "->", "×": "x", "·": "-", "–": "-", "…": "...", "“": '"', "”": '"', "−": "-"}
)
"""ASCII replacements for the other characters that the commands print."""


def tolerate_encoding() -> None:
    """Keeps printing when the stream's encoding lacks a character (Windows pipes, for example): it
    is replaced by ASCII or a question mark.
    """
    codecs.register_error("fovea-plain", _in_plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "surrogateescape":
            stream.reconfigure(errors="fovea-plain")


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: (replacement for the characters, where to continue)."""
    assert isinstance(error, UnicodeEncodeError)
    there = error.object[error.start : error.end].translate(PLAIN)
    return there.encode("ascii", "replace").decode(), error.end


def settings_for(options: argparse.Namespace, **overrides: Any) -> Settings:
    """The settings from the environment (docs/settings.md), overridden by the command line."""
    from fovea.server.settings import SettingsError, load

    for name in ("device", "offline"):
        if (value := getattr(options, name, None)) not in (None, False):
            overrides[name] = value
    try:
        return load(**overrides)
    except SettingsError as error:
        raise Stop(str(error), USAGE) from error


def catalogue(settings: Settings | None = None) -> Catalog:
    """The catalogue for these settings, by default those of the environment."""
    from fovea.models.catalog.catalog import Catalog
    from fovea.server.settings import load

    chosen = settings or load()
    return Catalog(chosen.weights_dir, chosen.cache_dir, chosen.models_dir, offline=chosen.offline)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds the choice of the network."""
    parser.add_argument(
        "--model",
        metavar="ID",
        help="a network, as `fovea models` lists it (FOVEA_DEFAULT_MODEL, else vit; of sentences "
        "text_transformer)",
    )


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Adds the choice of the device."""
    parser.add_argument(
        "--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps (FOVEA_DEVICE, auto)"
    )


def add_offline(parser: argparse.ArgumentParser) -> None:
    """Adds the switch that forbids downloads from the hub."""
    parser.add_argument(
        "--offline", action="store_true", help="never download weights (FOVEA_OFFLINE)"
    )


# Problems are worded for HTTP clients; on the command line some hints differ.
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
    """A problem with its hint as one sentence."""
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
    """A text table; numbers are right-aligned."""
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
    """For example 3.4 MB; a dash if unknown."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 100 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
