"""The house's laws: which folder may import which, and what only one place may do.

FLOORS says where each room stands; a room imports from floors below its own and never from its own
floor or above, and no two modules import each other in a circle.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WEB_FRAMEWORKS = ("fastapi", "starlette", "uvicorn")

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
