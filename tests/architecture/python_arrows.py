"""What Python modules import, read from their sources; none is imported."""

import ast
import sys
from collections.abc import Iterator
from functools import cache

from tests.architecture.laws import (
    FLOORS,
    HOOK,
    MAY_FOLLOW_A_PASS,
    MAY_INSTALL_HOOKS,
    OUTSIDE,
    PARTS,
    ROOT,
)


def within(module: str, parts: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the parts or lies inside one."""
    return any(module == part or module.startswith(f"{part}.") for part in parts)


def part_of(module: str) -> str | None:
    """The part of the project that a dotted name belongs to, the narrowest."""
    mine = [part for part in PARTS if within(module, (part,))]
    return max(mine, key=len) if mine else None


def room_of(module: str, part: str) -> str:
    """The room within a part: the name after the part's own."""
    return module.removeprefix(part).lstrip(".").split(".")[0]


def floor_of(module: str) -> int | None:
    """On which floor of its part a module stands; None where the part has no floors."""
    part = part_of(module)
    if part not in FLOORS:
        return None
    room = room_of(module, part)
    found = [number for number, rooms in enumerate(FLOORS[part]) if room in rooms]
    return found[0] if found else None


@cache
def imports(module: str, source: str, *, package: bool = False) -> tuple[tuple[int, str], ...]:
    """(line, dotted name) of all that a module imports, lazily or not; relative names resolved."""
    return tuple(_imports(module, source, package))


def _imports(module: str, source: str, package: bool) -> Iterator[tuple[int, str]]:
    home = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=name, names=names, level=level):
                base = home[: len(home) - level + 1] if level else []
                stem = ".".join([*base, *([name] if name else [])])
                yield from ((node.lineno, f"{stem}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def crossed_arrows(module: str, source: str, *, package: bool = False) -> Iterator[str]:
    """One sentence for each import of this module that a law forbids."""
    own = part_of(module)
    for line, name in imports(module, source, package=package):
        top, part = name.split(".")[0], part_of(name)
        if top == "tests" or (part is not None and not _may_import(own, part, name)):
            yield f"{module}:{line} imports {name}, which {own} must not"
        elif part is not None:
            yield from _crossed_floors(module, line, name)
        elif top not in sys.stdlib_module_names:
            for row in (row for row in OUTSIDE if within(module, (row.room,))):
                if top in row.never or (row.only is not None and top not in row.only):
                    yield f"{module}:{line} imports {name}, which {row.room} must not"


def _may_import(own: str | None, part: str, name: str) -> bool:
    if own is None or part == own:
        return True
    # `from fovea.models import networks` names a room of a part below
    return within(part, PARTS[own]) or within(name, PARTS[own])


def _crossed_floors(module: str, line: int, name: str) -> Iterator[str]:
    part = part_of(module)
    if part is None or part not in FLOORS or part_of(name) != part:
        return
    own, other = room_of(module, part), room_of(name, part)
    if not own or not other or own == other:
        return
    mine, theirs = floor_of(module), floor_of(name)
    if mine is None or theirs is None:
        missing = own if mine is None else other
        yield f"{module}:{line}: {part}.{missing} stands on no floor; give it one in FLOORS"
    elif theirs >= mine:
        yield f"{module}:{line} imports {name}, which does not stand below it"


def stray_hooks(module: str, source: str) -> Iterator[str]:
    """One sentence for each place that installs a hook or a mode without being capture."""
    if within(module, (*MAY_INSTALL_HOOKS, MAY_FOLLOW_A_PASS)):
        return
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
                if HOOK.fullmatch(name.split(".")[-1]):
                    yield f"{module}:{node.lineno} uses {name}, which only capture may"


def python_modules() -> Iterator[tuple[str, str, bool]]:
    """(dotted name, source, is a package) of every module of the project."""
    homes = {"models": "fovea.models", "server": "fovea.server"}
    for folder in ("fovea", "models", "server", "training", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder).with_suffix("").parts
            package = inside[-1] == "__init__"
            names = [homes.get(folder, folder), *(inside[:-1] if package else inside)]
            if folder == "fovea" and names[1:2] in (["models"], ["server"]):
                continue  # a link to a folder that is read anyway
            yield ".".join(names), path.read_text(), package
