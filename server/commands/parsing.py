"""argparse's parser with suggestions for mistyped words."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from fovea.models.closest import closest
from fovea.server.commands.spoken import LANGUAGE, spoken
from fovea.server.language.translating import ENGLISH

HEADINGS = re.compile(
    r"(?m)^(usage|options|positional arguments)(?=:)"
    r"|(?<=  )show (this help message|program's version number) and exit"
)
"""Texts that argparse itself writes around the help."""


def _argparse_said(text: str) -> str:
    return HEADINGS.sub(lambda found: spoken(found[0]), text)


def meant(word: str, valid: Iterable[str]) -> str:
    """A "did you mean" question with the closest valid word; empty if none is close."""
    found = closest(word, valid)
    return "" if found is None else f" Did you mean {found}?"


class Parser(argparse.ArgumentParser):
    """An argument parser that suggests the closest word in errors and prints help in the command's
    language.
    """

    def format_help(self) -> str:
        """Help in the command's language, including argparse's own texts."""
        said: list[tuple[Any, str]] = [(self, "description"), (self, "epilog")]
        said += [(action, "help") for action in self._actions if action.help != argparse.SUPPRESS]
        said += [(group, "title") for group in self._action_groups]
        english = [getattr(one, name) for one, name in said]
        try:
            for (one, name), text in zip(said, english, strict=True):
                setattr(one, name, text and spoken(text))
            return _argparse_said(super().format_help())
        finally:
            for (one, name), text in zip(said, english, strict=True):
                setattr(one, name, text)

    def format_usage(self) -> str:
        """The usage line of the help."""
        return _argparse_said(super().format_usage())

    def error(self, message: str) -> NoReturn:
        """Ends the command with usage, the message and exit code 2."""
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if wrong is not None:
            message += f".{meant(wrong[1], re.findall(r'[-_.a-z0-9]+', wrong[2]))}"
        if LANGUAGE.get() == ENGLISH:
            super().error(message)
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {spoken('error')}: {spoken(message)}\n")

    def refuse(self, unknown: str) -> NoReturn:
        """Ends the command because a word matches no option or argument."""
        if not unknown.startswith("-"):
            self.error(f"{unknown!r} is not understood here.")
        option = unknown.split("=")[0]
        names = (name for action in self._actions for name in action.option_strings)
        self.error(f"there is no option {option}.{meant(option, names)}")
