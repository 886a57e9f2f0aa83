"""Python keeps the laws; and sources that break each are reported, so that every law can fail."""

import pytest

from tests.architecture.circles import circle
from tests.architecture.laws import FLOORS, ROOT
from tests.architecture.python_arrows import crossed_arrows, imports, python_modules, stray_hooks


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
    found = imports("fovea.models.maps", "from .rollout import rollout", package=True)
    assert found == ((1, "fovea.models.maps.rollout.rollout"),)


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
