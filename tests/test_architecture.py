"""The house's laws: which folder may import which, and what only one place may do.

FLOORS says where each room stands; a room imports from floors below its own and never from its own
floor or above, and no two modules import each other in a circle. Everything here reads sources and
imports none. The last tests feed the checkers sources that break every law, so that a law which
cannot fail is itself a failure.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WEB_FRAMEWORKS = ("fastapi", "starlette", "uvicorn")


# --- the laws -----------------------------------------------------------------------------------

# From the ground up. A room is a folder with all that is in it, or a module beside the folders.
FLOORS: dict[str, tuple[tuple[str, ...], ...]] = {
    "fovea.models": (
        ("version", "showing", "closest"),
        ("grids",),
        ("records", "mechanisms", "edits"),
        ("geometry", "networks", "tracing"),
        ("preprocessing", "kinds"),
        ("capture",),
        ("places", "maps", "evidence"),
        ("running",),
        ("editing",),
        ("catalog",),
        ("methods",),
        ("judging",),
    ),
    "fovea.server": (
        ("problems", "settings", "language"),
        ("intake",),
        ("storage",),
        ("engine",),
        ("answers",),
        ("wire",),
        ("http",),
        ("app",),
        ("cluster",),
        ("commands",),
    ),
    "training": (
        ("examples",),
        ("recipes",),
        ("loop",),
        ("tasks",),
        ("claims",),
        ("__main__", "draw_samples"),
    ),
}

FRONTEND_FLOORS = (
    ("language",),
    ("geometry.js", "ui", "api"),
    ("paint",),
    ("sites", "explain"),
    ("kinds",),
    ("state", "view", "learn"),
    ("panels",),
    ("main.js",),
)

# Which parts of the project a part may import besides itself.
PARTS: dict[str, tuple[str, ...]] = {
    "fovea.models": (),
    "fovea.client": ("fovea.models",),
    "fovea.server": ("fovea.models", "fovea.client"),
    "fovea": ("fovea.models", "fovea.client", "fovea.server"),
    "training": ("fovea",),
    "benchmarks": ("fovea",),
}


@dataclass(frozen=True)
class Outside:
    """The packages from elsewhere that a room may import; every row whose room matches applies."""

    room: str
    only: tuple[str, ...] | None = None  # if given: these and the standard library
    never: tuple[str, ...] = ()


OUTSIDE = (
    Outside("fovea.models", never=(*WEB_FRAMEWORKS, "pydantic", "pydantic_settings", "PIL")),
    Outside("fovea.models.grids", only=("torch",)),
    Outside("fovea.models.records", only=("torch",)),
    Outside("fovea.models.geometry", only=()),
    Outside("fovea.models.tracing", only=("torch",)),
    Outside("fovea.models.kinds", only=("torch", "numpy")),
    Outside("fovea.models.capture", only=("torch",)),
    Outside("fovea.models.maps", only=("torch", "numpy")),
    Outside("fovea.models.evidence", only=("torch",)),
    Outside("fovea.models.mechanisms", only=("torch",)),
    Outside("fovea.models.networks", only=("torch",)),
    Outside("fovea.client", only=("httpx", "numpy", "PIL")),
    Outside("fovea.server.engine", never=WEB_FRAMEWORKS),
    Outside("fovea.server.answers", never=WEB_FRAMEWORKS),
    Outside("fovea.server.http.routes", never=("torch", "timm")),
)

# Only what watches a running network touches it; benchmarks do too, to measure others' hooks.
MAY_INSTALL_HOOKS = ("fovea.models.tracing", "fovea.models.capture", "benchmarks")
MAY_FOLLOW_A_PASS = "fovea.models.places.follow"
HOOK = re.compile(r"register_\w*hook|Torch(Function|Dispatch)Mode")

# The page: panels show. They neither ask the server nor import one another, so that a panel can be
# read, tested and moved alone.
PANELS = "panels/"
PANEL_PARTS = "panels/parts/"
MAY_ASK_THE_SERVER = "api/api.js"
ASKING = re.compile(r"\b(fetch|XMLHttpRequest|EventSource|WebSocket|sendBeacon)\s*\(")


# --- reading Python -----------------------------------------------------------------------------


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


def imports(module: str, source: str, *, package: bool = False) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that a module imports, lazily or not; relative names resolved."""
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


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, in order; empty where there is none."""
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for target in sorted(arrows.get(module, ())):
            if found := walk(target, [*way, module]):
                return found
        done.add(module)
        return []

    return next((found for start in sorted(arrows) if (found := walk(start, []))), [])


def test_python_imports_follow_the_arrows() -> None:
    crossed = [
        sentence
        for module, source, package in python_modules()
        for sentence in crossed_arrows(module, source, package=package)
    ]
    assert not crossed, "\n".join(crossed)


def test_no_python_modules_import_each_other_in_a_circle() -> None:
    modules = list(python_modules())
    names = {module for module, _, _ in modules}
    arrows: dict[str, set[str]] = {}
    for module, source, package in modules:
        imported = {name for _, name in imports(module, source, package=package)}
        targets = {n if n in names else n.rpartition(".")[0] for n in imported}
        arrows[module] = {t for t in targets if t in names and t != module}
    assert not circle(arrows), " → ".join(circle(arrows))


def test_every_room_stands_on_one_floor() -> None:
    for part, floors in FLOORS.items():
        rooms = [room for floor in floors for room in floor]
        folder = ROOT / part.removeprefix("fovea.")
        there = {
            path.stem
            for path in folder.iterdir()
            if path.stem != "__init__" and (path.suffix == ".py" or any(path.rglob("*.py")))
        }
        assert sorted(rooms) == sorted(there), part


def test_only_capture_installs_hooks() -> None:
    stray = [s for module, source, _ in python_modules() for s in stray_hooks(module, source)]
    assert not stray, "\n".join(stray)


# --- reading JavaScript -------------------------------------------------------------------------


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


def test_the_page_keeps_its_arrows() -> None:
    frontend = ROOT / "frontend"
    modules = sorted(frontend.rglob("*.js"))
    sources = {path.relative_to(frontend).as_posix(): path.read_text() for path in modules}
    crossed = list(crossed_on_the_page(sources))
    assert modules
    assert not crossed, "\n".join(crossed)


# --- documents ----------------------------------------------------------------------------------


def test_every_room_stands_in_the_document() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    named = page.split("## Rooms")[1].split("## ")[0]
    rooms = {room for floors in FLOORS.values() for floor in floors for room in floor}
    rooms |= {room.removesuffix(".js") for floor in FRONTEND_FLOORS for room in floor}
    missing = [room for room in sorted(rooms) if not re.search(rf"\b{room}(/|\.py|\.js)", named)]
    left_out = {"__main__", "draw_samples"}
    assert set(missing) <= left_out, "docs/architecture.md, Rooms: no line for these"


def test_every_mechanism_has_its_row() -> None:
    rows = [r for r in (ROOT / "docs/mechanisms.md").read_text().splitlines() if r.startswith("|")]
    modules = [p.name for p in (ROOT / "models/mechanisms").glob("*.py") if p.name[0] != "_"]
    missing = [name for name in modules if not any(name in row for row in rows)]
    assert modules
    assert not missing, f"docs/mechanisms.md has no row for {', '.join(sorted(missing))}"


def test_every_command_of_the_readme_exists() -> None:
    readme, makefile = ((ROOT / name).read_text() for name in ("README.md", "Makefile"))
    named = set(re.findall(r"(?:^(?: {4,})?(?:\$ )?|`)make ([a-z-]+)", readme, flags=re.M))
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.M))
    assert {"serve", "test"} <= named, "the README names both commands"
    assert named <= targets, f"the Makefile has no {', '.join(sorted(named - targets))}"


# --- each law can fail --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fovea.models.catalog.catalog", "from fovea.server.settings import Settings"),
        ("fovea.models.catalog.catalog", "def lazily():\n    from PIL import Image"),
        ("fovea.models.catalog.catalog", "import pydantic"),
        ("fovea.models.catalog.catalog", "from fastapi import FastAPI"),
        (
            "fovea.models.catalog.catalog",
            "import importlib\nimportlib.import_module('fovea.server.engine.engine')",
        ),
        ("fovea.models.catalog.weights.weights", "import training.loop.loop"),
        ("fovea.models.records", "from fovea.models.geometry import Geometry"),
        ("fovea.models.records", "import timm"),
        ("fovea.models.geometry", "import torch"),
        ("fovea.models.kinds.registry", "from fovea.models.capture import capture"),
        ("fovea.models.capture.recorder", "from fovea.models.maps import rollout"),
        ("fovea.models.capture.recorder", "from ..methods.grad_cam import grad_cam"),
        ("fovea.models.maps.rollout", "from fovea.models.running.inference import run"),
        ("fovea.models.maps.rollout", "from ..places.follow import follow"),
        ("fovea.models.maps.rollout", "import scipy"),
        ("fovea.models.mechanisms.cbam", "from fovea.models.networks import vit"),
        ("fovea.models.networks.vit", "from .. import catalog"),
        ("fovea.models.unheard_of", "from fovea.models.records import Site"),
        ("fovea.server.intake.text", "from fovea.server.engine.analysis import Analysis"),
        ("fovea.server.http.routes.analyses", "import torch"),
        ("fovea.server.http.routes.analyses", "def lazily():\n    from torch import Tensor"),
        ("fovea.server.engine.engine", "from fastapi import HTTPException"),
        ("fovea.server.app", "import benchmarks"),
        ("fovea.server.commands.explain", "import fovea"),
        ("fovea.models.running.observing", "from fovea import capture"),
        ("training.loop.loop", "from benchmarks.capture import measure"),
        ("training.loop.loop", "from training.tasks import photos"),
        ("benchmarks.capture", "from training.examples.data import photos"),
        ("benchmarks.capture", "from tests.models import fakes"),
    ],
)
def test_a_crossed_arrow_is_reported(module: str, source: str) -> None:
    assert list(crossed_arrows(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fovea.models.maps.rollout", "from ..records import Trace\nfrom .propagation import row"),
        ("fovea.models.capture.recorder", "import torch\nfrom fovea.models.records import Site"),
        ("fovea.models.catalog.catalog", "from fovea.models.networks import vit\nimport timm"),
        (
            "fovea.server.engine.engine",
            "import torch\nfrom fovea.models.running.inference import run",
        ),
        (
            "fovea.server.http.routes.analyses",
            "from fastapi import APIRouter\nfrom fovea.server.wire import schemas",
        ),
        ("fovea", "from fovea.models.capture import capture\nfrom fovea.server.wire import render"),
        ("training.loop.loop", "from fovea.models.networks import vit\nimport numpy"),
    ],
)
def test_an_allowed_import_is_not_reported(module: str, source: str) -> None:
    assert not list(crossed_arrows(module, source))


def test_a_package_resolves_its_relative_imports_from_itself() -> None:
    found = list(imports("fovea.models.maps", "from .rollout import rollout", package=True))
    assert found == [(1, "fovea.models.maps.rollout.rollout")]


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fovea.models.running.inference", "module.register_forward_hook(look)"),
        ("fovea.server.engine.engine", "layer.register_full_backward_hook(look)"),
        ("fovea.models.networks.vit", "from torch.overrides import TorchFunctionMode"),
        ("fovea.models.catalog.catalog", "class Mode(overrides.TorchFunctionMode): ..."),
        ("training.loop.loop", "from torch.utils._python_dispatch import TorchDispatchMode"),
    ],
)
def test_a_stray_hook_is_reported(module: str, source: str) -> None:
    assert list(stray_hooks(module, source))
    assert not list(stray_hooks("fovea.models.capture.recorder", source))


@pytest.mark.parametrize(
    "sources",
    [
        {"panels/heads.js": 'import { draw } from "./channels.js";'},
        {"panels/heads.js": 'export { draw } from "./channels.js"'},
        {"panels/heads.js": "import '../api/api.js'"},
        {"panels/heads.js": 'const later = () => import("/api/api.js")'},
        {"paint/marks.js": 'import { visit } from "../sites/sites.js"'},
        {"state/store.js": 'import { keep } from "../view/keep_picture.js"'},
        {"elsewhere/new.js": 'import "../ui/dom.js"'},
        {"ui/a.js": 'import "./b.js"', "ui/b.js": 'import "./a.js"'},
        {"state/store.js": "const answer = await fetch('/v1/models')"},
        {"paint/overlay/overlay.js": 'const live = new EventSource("/v1/jobs/1/events")'},
        {"paint/charts.js": 'const site = "https://example.org"; fetch (site)'},
    ],
)
def test_a_module_of_the_page_out_of_bounds_is_reported(sources: dict[str, str]) -> None:
    assert list(crossed_on_the_page(sources))


@pytest.mark.parametrize(
    "sources",
    [
        {"api/api.js": "export const models = () => fetch('/v1/models')"},
        {"main.js": 'import "./api/api.js"; import { heads } from "./panels/heads.js"'},
        {"panels/heads.js": 'import { state } from "../state/store.js"; // not "./channels.js"'},
        {"panels/heads.js": "import '../paint/charts.js'", "paint/charts.js": ""},
        {"panels/heads.js": "import './parts/answer.js'", "panels/parts/answer.js": ""},
        {"state/store.js": "/* api.js is the one to fetch() */ prefetch(1)"},
    ],
)
def test_what_the_page_may_do_is_not_reported(sources: dict[str, str]) -> None:
    assert not list(crossed_on_the_page(sources))
