"""Line numbers of keys in a TOML file: the standard parser reports lines for syntax errors only."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_SYNTAX = re.compile(r"\(at line (\d+), column \d+\)")


def line_of(text: str, *path: str) -> int | None:
    """The line, from 1, of the key at `path`, else of the nearest enclosing table; None if neither
    exists.

    A key in an inline table gets the line where that table begins.
    """
    lines = _lines(text)
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def syntax_error(message: str) -> tuple[int | None, str]:
    """(line, error) from a message of the parser."""
    found = _SYNTAX.search(message)
    return (int(found[1]) if found else None), _SYNTAX.sub("", message).strip()


def _lines(text: str) -> dict[tuple[str, ...], int]:
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    inside_string = ""
    for number, line in enumerate(text.splitlines(), 1):
        if inside_string:
            inside_string = "" if inside_string in line else inside_string
            continue
        if heading := _TABLE.match(line):
            table = _parts(heading[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
        inside_string = next((q for q in ('"""', "'" * 3) if line.count(q) == 1), "")
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
