"""Figures of the house, for docs/architecture.md: `python -m tests.house [FOLDER]`.

FOLDER is another checkout, an older one for example; this one if left out.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PARTS = ("models", "server", "frontend", "training")
NOT_OURS = {"vendor", "node_modules", "__pycache__"}
LONG = 400


def sources(folder: Path, *endings: str) -> list[Path]:
    """What we wrote in a folder, links left out."""
    paths = (path for path in sorted(folder.rglob("*.*")) if path.suffix in endings)
    return [path for path in paths if not NOT_OURS & set(path.parts) and not path.is_symlink()]


def room_of(path: Path, part: Path) -> str:
    return path.relative_to(part).with_suffix("").parts[0]


def arrows(part: Path) -> set[tuple[str, str]]:
    """Which room imports which: folders and loose modules of a part."""
    rooms = {room_of(path, part) for path in sources(part, ".py", ".js")} - {"__init__"}
    found = set()
    for path in sources(part, ".py", ".js"):
        own = room_of(path, part)
        for target in imported(path, part):
            if target in rooms and own in rooms and own != target:
                found.add((own, target))
    return found


def imported(path: Path, part: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    if path.suffix == ".js":
        for name in re.findall(r"""(?:from|import)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""", text):
            target = (path.parent / name).resolve()
            if part.resolve() in target.parents:
                yield room_of(target, part.resolve())
        return
    prefix = rf"(?:fovea\.)?{part.name}"
    for name in re.findall(rf"^\s*from {prefix}\.(\w+)", text, re.M):
        yield name
    for names in re.findall(rf"^\s*from {prefix} import \(?([\w, \n]+)", text, re.M):
        yield from re.findall(r"\w+", names)


def longest_function(root: Path) -> tuple[int, str]:
    found = []
    for part in ("models", "server", "fovea"):
        for path in sources(root / part, ".py") if (root / part).exists() else ():
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    found.append((lines, f"{path.relative_to(root)}: {node.name}"))
    return max(found)


def main(root: Path) -> None:
    """Prints the figures."""
    for name in PARTS:
        part = root / name
        inside = sources(part, ".py", ".js")
        loose = [path for path in inside if path.parent == part and path.stem != "__init__"]
        rooms = {room_of(path, part) for path in inside} - {"__init__"}
        print(f"{name}: {len(loose)} loose modules, {len(rooms)} rooms, {len(arrows(part))} arrows")
    written = [
        path
        for folder in (*PARTS, "tests", "benchmarks", "fovea")
        if (root / folder).exists()
        for path in sources(root / folder, ".py", ".js", ".css")
    ]
    long = [path for path in written if len(path.read_text("utf-8").splitlines()) > LONG]
    print(f"files over {LONG} lines: {', '.join(str(p.relative_to(root)) for p in long) or 'none'}")
    print("longest function: {} lines, {}".format(*longest_function(root)))
    types = [re.findall(r"\{[^}\n]*\bany\b[^}\n]*\}", p.read_text("utf-8"))
             for p in sources(root / "frontend", ".js")]  # fmt: skip
    print(f"`any` in types of the page: {sum(map(len, types))} in {len(types)} modules")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
