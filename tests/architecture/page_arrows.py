"""What the page's modules import and call, read from their sources."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.architecture.circles import circle
from tests.architecture.laws import (
    ASKING,
    FRONTEND_FLOORS,
    MAY_ASK_THE_SERVER,
    PANEL_PARTS,
    PANELS,
)


def without_comments(source: str) -> str:
    """The same lines with comments blanked; an address inside a string keeps its slashes."""
    pattern = r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|//[^\n]*|/\*.*?\*/"""
    blank = re.compile(r"[^\n]")
    return re.sub(pattern, lambda m: m[1] or blank.sub(" ", m[0]), source, flags=re.DOTALL)


def javascript_imports(path: str, source: str) -> Iterator[str]:
    """The files, relative to frontend/, that a module imports, statically or lazily."""
    pattern = r"""\b(?:from|import)\s*\(?\s*["'](\.{0,2}/[^"']+)["']"""
    for found in re.findall(pattern, without_comments(source)):
        root = Path("/")
        start = root if found.startswith("/") else (root / path).parent
        yield str((start / found.lstrip("/")).resolve().relative_to(root))


def frontend_floor(path: str) -> int | None:
    """On which floor of the page a module stands."""
    room = path.split("/")[0]
    found = [number for number, rooms in enumerate(FRONTEND_FLOORS) if room in rooms]
    return found[0] if found else None


def crossed_on_the_page(sources: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each thing a frontend module does that is another module's to do."""
    arrows = {path: set(javascript_imports(path, source)) for path, source in sources.items()}
    for path, targets in arrows.items():
        for target in sorted(targets):
            mine, theirs = frontend_floor(path), frontend_floor(target)
            if mine is None or theirs is None:
                yield f"frontend/{path if mine is None else target} stands on no floor"
            elif path.split("/")[0] != target.split("/")[0] and theirs >= mine:
                yield f"frontend/{path} imports {target}, which does not stand below it"
            is_panel = path.startswith(PANELS) and not path.startswith(PANEL_PARTS)
            if is_panel and target.startswith(PANELS) and not target.startswith(PANEL_PARTS):
                yield f"frontend/{path} imports {target}, another panel"
            if path.startswith(PANELS) and target == MAY_ASK_THE_SERVER:
                yield f"frontend/{path} imports {target}, which asks the server"
    if found := circle(arrows):
        yield " → ".join(found)
    for path, source in sources.items():
        asked = ASKING.search(without_comments(source))
        if asked and path != MAY_ASK_THE_SERVER:
            yield f"frontend/{path} calls {asked[1]}, which only {MAY_ASK_THE_SERVER} may"
