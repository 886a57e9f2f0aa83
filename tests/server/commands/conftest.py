"""The commands in this process, with settings of a test's own."""

import os
from pathlib import Path
from typing import Any

import pytest

from fovea.models.catalog.catalog import Catalog
from fovea.server.commands.cli import main

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "frontend/samples"
SUNFLOWER = SAMPLES / "sunflower.jpg"
UNSET = {key: value for key, value in os.environ.items() if not key.startswith("FOVEA_")}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, weights_dir: Path) -> None:
    """The settings that the commands find when they run in this process."""
    for name in set(os.environ) - set(UNSET):
        monkeypatch.delenv(name)
    monkeypatch.setenv("FOVEA_WEIGHTS_DIR", str(weights_dir))
    monkeypatch.setenv("FOVEA_OFFLINE", "1")


def told(*arguments: object) -> int:
    """The exit code of a command that runs in this process."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture(scope="module")
def vit() -> Any:
    return Catalog().load("vit")
