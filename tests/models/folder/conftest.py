"""A folder of models of a test's own, and networks to describe in it."""

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from safetensors.torch import save_file
from torch import nn

from fovea.models.catalog.catalog import Catalog

PAGE = Path(__file__).parents[3] / "docs" / "models-folder.md"
PREPROCESSING = "\n[preprocessing]\nsize = 32\nmean = 0.5\nstd = 0.5\n"


FACTORY = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, channels=1):
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, stride=8)
        self.second = nn.Linear(8, classes)

    def forward(self, photos):
        found = self.first(photos).flatten(2).transpose(1, 2)
        seen = nn.functional.scaled_dot_product_attention(found, found, found)
        return self.second(seen.mean(1))

def make(classes, channels=1):
    return Net(classes, channels)

def broken():
    raise OSError("no such thing: /home/somebody/secret.txt")

def number():
    return 7
"""


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's own that can be imported."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "my_nets_of_a_test.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(code)
    yield __import__("my_nets_of_a_test")
    sys.modules.pop("my_nets_of_a_test", None)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Catalog]:
    """Writes a description and its weights; gives the catalogue with that folder."""
    home = tmp_path / "models"
    home.mkdir()

    def write(name: str, text: str, network: nn.Module | None = None) -> Catalog:
        (home / f"{name}.toml").write_text(dedent(text), encoding="utf-8")
        if network is not None:
            state = {key: value.clone() for key, value in network.state_dict().items()}
            save_file(state, home / f"{name}.safetensors")
        return Catalog(models_dir=home, offline=True)

    return write
