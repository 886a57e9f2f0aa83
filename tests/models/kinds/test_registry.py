"""A kind of site is declared once: its names stand in its folders and nowhere else."""

import ast
import re
from pathlib import Path

import pytest

from fovea.models.kinds.registry import SITE_KINDS

ROOT = Path(__file__).parents[3]
ROOMS = ("models", "server", "frontend", "fovea")
# A chapter of the course teaches one mechanism, so it names it.
AT_HOME = ("models/kinds/", "frontend/kinds/", "frontend/learn/")

# What says names to people and asks nothing: the maps that show a kind, the table of the command
# line, an example of the documentation, titles of what the catalogue says a network is made of, and
# the sweep over channels, which only a channel gate has.
MAY_NAME = {
    "models/methods/spatial_transformer.py": {"spatial-transformer"},
    "server/wire/examples.py": {"channel-gate", "attention"},
    "frontend/panels/models.js": {"attention", "spatial-transformer"},
    "frontend/panels/parts/sweeping.js": {"channel-gate"},
}


def comparisons(source: str) -> list[str]:
    """The names of kinds that a module of Python compares with something."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            kind = any(isinstance(p, ast.Attribute) and p.attr == "kind" for p in parts)
            inner = [leaf for part in parts for leaf in ast.walk(part)]
            named = {leaf.value for leaf in inner if isinstance(leaf, ast.Constant)}
            found += [name for name in SITE_KINDS if kind and name in named]
    return found


def comparisons_on_the_page(source: str) -> list[str]:
    """The same of JavaScript: x.kind === "name", case "name"."""
    names = "|".join(map(re.escape, SITE_KINDS))
    pattern = rf"""\.kind\s*[!=]==?\s*["']({names})["']|case\s+["']({names})["']"""
    return [first or second for first, second in re.findall(pattern, source)]


def modules() -> list[tuple[str, str]]:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.*"))]
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        for path in paths
        if path.suffix in (".py", ".js") and not path.is_symlink()
    ]


def test_no_module_compares_with_the_name_of_a_kind() -> None:
    found = [
        f"{name}: {kind}"
        for name, source in modules()
        if not name.startswith(AT_HOME)
        for kind in (comparisons if name.endswith(".py") else comparisons_on_the_page)(source)
    ]
    assert not found, "ask SITE_KINDS or frontend/kinds/registry.js instead: " + ", ".join(found)


def test_the_names_stand_in_the_kinds_folders_alone() -> None:
    own = [name for name in SITE_KINDS if "-" in name]  # the others are words as well
    found = {
        f"{name}: {kind}"
        for name, source in modules()
        if not name.startswith(AT_HOME)
        for kind in own
        if re.search(rf"""["']{kind}["']""", source) and kind not in MAY_NAME.get(name, ())
    }
    assert not found, ", ".join(sorted(found))


def test_the_page_knows_every_kind() -> None:
    source = (ROOT / "frontend/kinds/registry.js").read_text("utf-8")
    names = []
    for path in sorted((ROOT / "frontend/kinds").glob("*/kind.js")):
        folder = path.parent.name
        assert f'import * as {folder} from "./{folder}/kind.js";' in source
        assert f"...{folder}.kinds" in source
        table = re.search(r"export const kinds = \{ (.*) \};", path.read_text("utf-8"))
        assert table is not None, folder
        names += re.findall(r"""(?:^|, )"?([a-z-]+)"?""", table[1])
    assert names == list(SITE_KINDS)


@pytest.mark.parametrize(
    "source", ['if site.kind == "attention": ...', 'x = one.kind in ("strip-gate", "spatial-gate")']
)
def test_a_comparison_is_reported(source: str) -> None:
    assert comparisons(source)


def test_a_comparison_on_the_page_is_reported() -> None:
    assert comparisons_on_the_page('if (site?.kind === "attention") show();')
    assert comparisons_on_the_page('switch (site.kind) { case "strip-gate": }')
    assert not comparisons_on_the_page('output?.kind === "mask"')
