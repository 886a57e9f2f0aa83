"""Generates the tables of docs/cli.md from the parsers: `python -m
fovea.server.commands.reference`.
"""

from __future__ import annotations

import argparse

from fovea.models.methods.registry import METHODS
from fovea.server.commands.cli import command_parsers, parser


def maps() -> str:
    """Markdown: a row for each map with its options."""
    rows = ["| map | what it is | options |", "|---|---|---|"]
    for method in METHODS:
        options = ", ".join(f"`--{option.name}`" for option in method.options)
        rows.append(f"| `{method.name}` | {_cell(method.summary)} | {options} |")
    return "\n".join(rows)


def options() -> str:
    """Markdown: a table of the options of each command."""
    parts = []
    for name, command in command_parsers(parser()).items():
        rows = ["| option | what it does |", "|---|---|"]
        rows += [
            f"| {_called(action)} | {_cell(action.help or '')} |"
            for action in command._actions
            if "--help" not in action.option_strings
        ]
        parts.append(f"`fovea {name}`\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _called(action: argparse.Action) -> str:
    """An option with its value, or the name of an argument."""
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if action.choices is not None and action.metavar is None:
        *most, last = map(str, action.choices)
        value = f"{', '.join(most)} or {last}" if most else last
    if not action.option_strings:
        return f"`{value}`"
    return f"`{', '.join(action.option_strings)}{f' {value}' if value else ''}`"


def _cell(text: str) -> str:
    return text.replace("%%", "%").replace("|", "\\|")


if __name__ == "__main__":
    print(maps(), options(), sep="\n\n")
