"""The language of the commands: `--lang`, then FOVEA_LANG, then the locale (LC_ALL, LANG)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar

from fovea.server.language.translating import ENGLISH, LANGUAGES, Catalogue, catalogue

LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)
OPTION = "--lang"
VARIABLES = ("FOVEA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
"""In order of priority; the first that is set decides, as in POSIX locales."""

WRAPPED = re.compile(r"\n {20,}(?=\S)")
COLUMNS = re.compile(r"( {2,}|^ +)")
DEFAULT = re.compile(r"(.+) (\([^()]+\))")
"""Splits an option's help from its default value."""


class NotSpoken(ValueError):
    """A requested language that is not supported."""


def taken(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Removes `--lang X` from anywhere in the arguments; returns the rest and X."""
    rest: list[str] = []
    asked = None
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            return [*rest, word, *words], asked
        if name == OPTION:
            asked = value if equals else next(words, "")
        else:
            rest.append(word)
    return rest, asked


def language_of(asked: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The language of a command.

    Raises:
        NotSpoken: it was requested by name and is none of LANGUAGES.
    """
    if asked is None:
        asked = environment.get("FOVEA_LANG") or None
    if asked is not None:
        if asked not in LANGUAGES:
            valid = ", ".join(LANGUAGES)
            raise NotSpoken(f"lang={asked} is not spoken here; valid: {valid}.")
        return asked
    of_terminal = next(filter(None, (environment.get(name) for name in VARIABLES[1:])), "")
    code = of_terminal.split("_")[0].lower()
    return code if code in LANGUAGES else ENGLISH


def spoken(text: str) -> str:
    """Translates finished text, several lines included, into the command's language."""
    language = LANGUAGE.get()
    if language == ENGLISH:
        return text
    known = catalogue(language)
    if "\n" in text and (whole := known.whole(text)):
        text = WRAPPED.sub(" ", whole)  # lines that argparse has wrapped are still English
    return "\n".join(_line(line, known) for line in text.split("\n"))


def _line(line: str, known: Catalogue) -> str:
    """Translates a line column by column."""
    return "".join(
        piece if at % 2 else _piece(piece, known) for at, piece in enumerate(COLUMNS.split(line))
    )


def _piece(text: str, known: Catalogue) -> str:
    """Prefixes before a colon (a file, a model) and defaults in brackets are left untranslated."""
    if (default := DEFAULT.fullmatch(text)) and default[1] in known.plain:
        return f"{known.plain[default[1]]} {default[2]}"
    said = known.translated(text)
    if said != text:
        return said
    before, colon, rest = text.partition(": ")
    return f"{before}: {_piece(rest, known)}" if colon else text
