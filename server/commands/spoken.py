"""The language of the commands: `--lang`, else FOVEA_LANG, else the terminal's (LC_ALL, LANG)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar

from fovea.server.language.translating import ENGLISH, LANGUAGES, catalogue, translated

LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)
OPTION = "--lang"
VARIABLES = ("FOVEA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
"""In the order in which they count; the first that is set decides, as in every program."""

DEFAULT = re.compile(r"(.+) (\([^()]+\))")
"""What help says of an option, and the value that it has unasked."""


class NotSpoken(ValueError):
    """A language that was asked for and that there is not."""


def taken(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """The command line without `--lang X`, which may stand anywhere in it, and X."""
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
        NotSpoken: it was asked for by name and is none of LANGUAGES.
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
    """Finished sentences, lines of them too, in the language of this command."""
    language = LANGUAGE.get()
    if language == ENGLISH:
        return text
    if whole := catalogue(language).whole(text.strip(" ")):
        return whole
    return "\n".join(_line(line, language) for line in text.split("\n"))


def _line(line: str, language: str) -> str:
    """With its indentation; what stands before a colon (a file, a model) and a default in brackets
    at the end stay as they are.
    """
    core = line.strip()
    said = translated(core, language)
    if said == core and (default := DEFAULT.fullmatch(core)):
        said = f"{translated(default[1], language)} {default[2]}"
    if said == core:
        before, colon, rest = core.partition(": ")
        said = f"{before}: {_line(rest, language)}" if colon else core
    return line.replace(core, said) if core else line
