"""The parser of the commands: argparse's, with the closest word where one is not understood."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import NoReturn

from fovea.models.closest import closest


def meant(word: str, valid: Iterable[str]) -> str:
    """The question whether the closest valid word was meant; empty where none is close."""
    found = closest(word, valid)
    return "" if found is None else f" Did you mean {found}?"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors name the word that was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Ends the command with usage, the message and exit code 2."""
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if wrong is not None:
            message += f".{meant(wrong[1], re.findall(r'[-_.a-z0-9]+', wrong[2]))}"
        super().error(message)

    def refuse(self, unknown: str) -> NoReturn:
        """Ends the command over a word that no option and no argument takes."""
        if not unknown.startswith("-"):
            self.error(f"{unknown!r} is not understood here.")
        option = unknown.split("=")[0]
        names = (name for action in self._actions for name in action.option_strings)
        self.error(f"there is no option {option}.{meant(option, names)}")
