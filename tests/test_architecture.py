"""The arrows of the house: who may import whom, and what only one place may do.

The tables below are the rules. Everything else reads sources (never imports them) and reports
each line that crosses an arrow. The last tests feed the checkers sources that break every rule,
so that a rule which cannot fail is itself a failure.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON_PARTS = ("fovea", "models", "server", "training", "benchmarks")
WEB_FRAMEWORKS = ("fastapi", "starlette", "uvicorn")


# --- the rules ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrow:
    """What the modules of one part may import; every row whose part matches applies."""

    part: str  # a module or package by its dotted name
    project: tuple[str, ...]  # parts of this project it may import, besides itself
    outside: tuple[str, ...] | None = (
        None  # if given: the only packages besides the standard library
    )
    never: tuple[str, ...] = ()  # packages from outside it must not import


ARROWS = (
    Arrow("models", project=(), never=(*WEB_FRAMEWORKS, "pydantic", "pydantic_settings", "PIL")),
    Arrow("fovea.models.records", project=(), outside=("torch",)),
    Arrow("fovea.models.geometry", project=("fovea.models.records",), outside=()),
    Arrow("fovea.models.capture", project=("fovea.models.records",), outside=("torch",)),
    Arrow("fovea.models.maps", project=("fovea.models.records",), outside=("torch", "numpy")),
    Arrow("fovea.models.mechanisms", project=("fovea.models.records",), outside=("torch",)),
    Arrow(
        "fovea.models.networks",
        project=("fovea.models.records", "fovea.models.mechanisms"),
        outside=("torch",),
    ),
    Arrow("server", project=("models",)),
    Arrow("fovea.server.http.routes", project=("models", "server"), never=("torch", "timm")),
    Arrow("fovea.server.engine.engine", project=("models", "server"), never=WEB_FRAMEWORKS),
    Arrow("fovea", project=("models", "server"), never=WEB_FRAMEWORKS),
    Arrow("training", project=("models", "server")),
    Arrow("benchmarks", project=("models", "server")),
)

# Only capture touches a running model; benchmarks do too, to measure what others' hooks cost.
MAY_INSTALL_HOOKS = ("fovea.models.capture", "benchmarks")
HOOK = re.compile(r"register_\w*hook|Torch(Function|Dispatch)Mode")

# The page: panels show. What they import, however far one follows it, neither asks the server nor
# is another panel; so a panel can be read, tested and moved alone.
PANELS = "panels/"
MAY_ASK_THE_SERVER = "api.js"
ASKING = re.compile(r"\b(fetch|XMLHttpRequest|EventSource|WebSocket|sendBeacon)\s*\(")


# --- reading Python -----------------------------------------------------------------------------


def within(module: str, parts: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the parts or lies inside one."""
    return any(module == part or module.startswith(f"{part}.") for part in parts)


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
    """One sentence for each import of this module that a row of ARROWS forbids."""
    for arrow in (row for row in ARROWS if within(module, (row.part,))):
        for line, name in imports(module, source, package=package):
            top = name.split(".")[0]
            if top in (*PYTHON_PARTS, "tests"):
                # Modules of one part may import each other; a narrower row narrows that.
                allowed = within(name, (arrow.part, *arrow.project))
            elif top in sys.stdlib_module_names:
                allowed = True
            else:
                allowed = (arrow.outside is None or top in arrow.outside) and top not in arrow.never
            if not allowed:
                yield f"{module}:{line} imports {name}, which {arrow.part} must not"


def stray_hooks(module: str, source: str) -> Iterator[str]:
    """One sentence for each place that installs a hook or a mode without being capture."""
    if within(module, MAY_INSTALL_HOOKS):
        return
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
                if HOOK.fullmatch(name.split(".")[-1]):
                    yield f"{module}:{node.lineno} uses {name}, which only capture may"


def python_modules() -> Iterator[tuple[str, str, bool]]:
    """(dotted name, source, is a package) of every module of the project."""
    for part in PYTHON_PARTS:
        for path in [*ROOT.glob(f"{part}.py"), *sorted((ROOT / part).rglob("*.py"))]:
            names = path.relative_to(ROOT).with_suffix("").parts
            package = names[-1] == "__init__"
            yield ".".join(names[:-1] if package else names), path.read_text(), package


def test_python_imports_follow_the_arrows() -> None:
    crossed = [
        sentence
        for module, source, package in python_modules()
        for sentence in crossed_arrows(module, source, package=package)
    ]
    assert not crossed, "\n".join(crossed)


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


def reached(start: str, arrows: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """(first import, module) for every module that following a module's imports leads to."""
    seen = {start}
    ahead = [(target, target) for target in arrows[start]]
    while ahead:
        first, module = ahead.pop()
        if module not in seen:
            seen.add(module)
            yield first, module
            ahead += [(first, target) for target in arrows.get(module, ())]


def crossed_on_the_page(sources: dict[str, str]) -> Iterator[str]:
    """One sentence for each thing a frontend module does that is another module's to do."""
    arrows = {path: list(javascript_imports(path, source)) for path, source in sources.items()}
    for panel in (path for path in sources if path.startswith(PANELS)):
        for first, module in reached(panel, arrows):
            if module == MAY_ASK_THE_SERVER or module.startswith(PANELS):
                yield f"frontend/{panel} imports {first}, which leads to {module}"
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


# --- each rule can fail -------------------------------------------------------------------------


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
        ("fovea.models.capture.mode", "from fovea.models.maps import rollout"),
        ("fovea.models.capture.mode", "from ..networks.vit import VisionTransformer"),
        ("fovea.models.kinds.attention.rows", "from fovea.models.capture import capture"),
        ("fovea.models.kinds.attention.rows", "from ..geometry import Geometry"),
        ("fovea.models.kinds.attention.rows", "import scipy"),
        ("fovea.models.mechanisms.cbam", "from fovea.models.networks import vit"),
        ("fovea.models.networks.vit", "from .. import catalog"),
        ("fovea.server.http.routes.analyses", "import torch"),
        ("fovea.server.http.routes.analyses", "def lazily():\n    from torch import Tensor"),
        ("fovea.server.engine.engine", "from fastapi import HTTPException"),
        ("fovea.server.engine.engine.queue", "import starlette.requests"),
        ("fovea.server.app", "import benchmarks"),
        ("fovea.server.commands.explain", "import fovea"),
        ("fovea.models.running.observing", "from fovea import capture"),
        ("training.loop.loop", "from benchmarks.capture import measure"),
        ("benchmarks.capture", "from training.examples.data import photos"),
        ("benchmarks.capture", "from tests.models import fakes"),
    ],
)
def test_a_crossed_arrow_is_reported(module: str, source: str) -> None:
    assert list(crossed_arrows(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fovea.models.maps.rollout", "from ..records import Trace\nfrom .attention import rows"),
        ("fovea.models.capture.mode", "import torch\nfrom fovea.models.records import Site"),
        ("fovea.models.catalog.catalog", "from fovea.models.networks import vit\nimport timm"),
        (
            "fovea.server.engine.engine",
            "import torch\nfrom fovea.models.running.inference import run",
        ),
        (
            "fovea.server.http.routes.analyses",
            "from fastapi import APIRouter\nfrom server import schemas",
        ),
        ("training.loop.loop", "from fovea.models.networks import vit\nimport numpy"),
    ],
)
def test_an_allowed_import_is_not_reported(module: str, source: str) -> None:
    assert not list(crossed_arrows(module, source))


def test_a_package_resolves_its_relative_imports_from_itself() -> None:
    assert list(imports("fovea.models.maps", "from .attention import rows", package=True)) == [
        (1, "fovea.models.kinds.attention.rows.rows")
    ]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fovea.models.running.inference", "module.register_forward_hook(look)"),
        ("fovea.server.engine.engine", "layer.register_full_backward_hook(look)"),
        ("fovea.models.networks.vit", "from torch.overrides import TorchFunctionMode"),
        ("fovea.models.catalog.weights.weights", "class Mode(overrides.TorchFunctionMode): ..."),
        ("training.loop.loop", "from torch.utils._python_dispatch import TorchDispatchMode"),
    ],
)
def test_a_stray_hook_is_reported(module: str, source: str) -> None:
    assert list(stray_hooks(module, source))
    assert not list(stray_hooks("fovea.models.capture.mode", source))


@pytest.mark.parametrize(
    "sources",
    [
        {"panels/heads.js": 'import { draw } from "./channels.js";'},
        {"panels/heads.js": 'export { draw } from "./channels.js"'},
        {"panels/heads.js": "import '../api.js'"},
        {"panels/heads.js": 'const later = () => import("/api.js")'},
        {
            "panels/heads.js": 'import * as s from "../session.js"',
            "session.js": 'import "./api.js"',
        },
        {"store.js": "const answer = await fetch('/v1/models')"},
        {"overlay.js": 'const live = new EventSource("/v1/jobs/1/events")'},
        {"charts.js": 'const site = "https://example.org"; fetch (site)'},
    ],
)
def test_a_module_of_the_page_out_of_bounds_is_reported(sources: dict[str, str]) -> None:
    assert list(crossed_on_the_page(sources))


@pytest.mark.parametrize(
    "sources",
    [
        {"api.js": "export const models = () => fetch('/v1/models')"},
        {"main.js": 'import "./api.js"; import { heads } from "./panels/heads.js"'},
        {"panels/heads.js": 'import { state } from "../store.js"; // never "./channels.js"'},
        {"panels/heads.js": "import '../charts.js'", "charts.js": "import './store.js'"},
        {"store.js": "/* api.js is the one to fetch() */ prefetch(1)"},
    ],
)
def test_what_the_page_may_do_is_not_reported(sources: dict[str, str]) -> None:
    assert not list(crossed_on_the_page(sources))
