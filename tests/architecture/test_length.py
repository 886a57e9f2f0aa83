"""Modules are short: no file of the product is longer than a person reads in one go."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("models", "server", "fovea", "frontend", "training", "benchmarks", "tests")
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 90

LONGER = {"models/kinds/attention/edit.py": 420, "server/engine/engine.py": 420}
"""Files that are still to be split, and what they may not grow beyond."""


def files(*suffixes: str) -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    return [
        path
        for path in found
        if path.suffix in suffixes
        and not path.is_symlink()
        and not {"vendor", "types", "node_modules"} & set(path.parts)
        and not path.relative_to(ROOT)
        .as_posix()
        .startswith(("fovea/models", "fovea/server", "fovea/frontend"))
    ]


def too_long(name: str, lines: int) -> str | None:
    most = LONGER.get(name, MOST_LINES)
    return f"{name} has {lines} lines, {most} are allowed" if lines > most else None


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def long_functions(source: str) -> list[str]:
    """A class inside a function does not count: its methods are measured themselves."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node)
        - sum(lines_of(one) for one in node.body if isinstance(one, ast.ClassDef))
        > MOST_LINES_OF_A_FUNCTION
    ]


def test_files_are_short() -> None:
    paths = files(".py", ".js", ".css")
    assert len(paths) > 700
    lengths = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8").count("\n") for path in paths
    }
    found = filter(None, (too_long(name, lines) for name, lines in lengths.items()))
    assert not list(found)


def test_functions_are_short() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files(".py")
        if "tests" not in path.relative_to(ROOT).parts[0]
        for name in long_functions(path.read_text("utf-8"))
    }
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(("lines", "fits"), [(400, True), (401, False)])
def test_a_long_file_is_found(lines: int, fits: bool) -> None:
    assert (too_long("models/new.py", lines) is None) == fits


def test_a_long_function_is_found() -> None:
    body = "\n".join("    pass" for _ in range(MOST_LINES_OF_A_FUNCTION))
    assert long_functions(f"def long():\n{body}\n") == ["long"]
    assert not long_functions("def short():\n    pass\n")
    assert not long_functions(
        f"def makes_a_class():\n    class Made:\n{body.replace('pass', '    x = 1')}\n"
    )
