"""Models of a folder that answer oddly, over a socket: what is missing is said, and why."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from fovea.server.settings import Settings
from tests.server.conftest import Running, png_of, running, until

CODE = """
import torch
from torch import nn

class Answers(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how
        self.weight = nn.Parameter(torch.ones(4, 3))

    def forward(self, photos):
        logits = photos.mean((2, 3)) @ self.weight.T
        if self.how == "nan":
            return logits / 0 * 0
        if self.how == "hidden":
            patches = photos.flatten(2)[:, :, :64]
            return (torch.sigmoid(patches.mT @ patches) @ patches.mT).mean(1) @ self.weight.T
        if self.how == "map":
            return logits[:, :, None, None].expand(-1, -1, 4, 4)
        return logits

def make(how):
    return Answers(how)
"""

ODD = {
    "nan": ("classification", "nan", "not finite"),
    "nothing": ("classification", "map", "There are no predictions: the network answers with 4"),
    "maskless": ("segmentation", "flat", "There is no mask: the network answers with 4 values"),
}


def describe(home: Path, name: str, task: str, how: str) -> None:
    (home / f"{name}.toml").write_text(
        f'builder = "odd_of_a_test:make"\nweights = "odd.safetensors"\ntask = "{task}"\n'
        f'[arguments]\nhow = "{how}"\n[preprocessing]\nsize = 32\n'
        "mean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n"
    )


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("odd")
    (home / "odd_of_a_test.py").write_text(CODE)
    save_file({"weight": torch.ones(4, 3)}, home / "odd.safetensors")
    for name, (task, how, _) in ODD.items():
        describe(home, name, task, how)
    describe(home, "mute", "captioning", "flat")
    describe(home, "hidden", "classification", "hidden")
    with running(Settings(models_dir=home, offline=True, default_model="nothing")) as server:
        yield server


@pytest.fixture
def photo() -> bytes:
    import numpy as np

    return png_of(np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8))


@pytest.mark.parametrize("model", ODD)
def test_what_is_missing_is_said(odd: Running, photo: bytes, model: str) -> None:
    analysis: dict[str, Any] = odd.analyse(photo, model)
    said = [warning for warning in analysis["warnings"] if ODD[model][2] in warning]
    assert len(said) == 1, analysis["warnings"]
    if model != "nan":
        assert analysis["predictions"] == []
        assert analysis["output"] is None


def test_what_attends_and_is_no_site_is_among_the_warnings(odd: Running, photo: bytes) -> None:
    analysis: dict[str, Any] = odd.analyse(photo, "hidden")
    (said,) = [one for one in analysis["warnings"] if one.startswith("Not shown: ")]
    assert "odd_of_a_test.py" in said
    assert re.search(r"line \d+|:\d+", said)
    assert "no distribution" in said


def test_a_captioner_that_cannot_write_is_refused_with_the_reason(
    odd: Running, photo: bytes
) -> None:
    answer = odd.client.post("/v1/analyses", files={"image": photo}, data={"model": "mute"})
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (503, "/problems/invalid-model-file")
    assert "has no method `generate`" in problem["detail"]
    assert "generate(photos)" in problem["hint"]


def test_a_server_whose_weights_cannot_be_read_says_which(tmp_path: Path) -> None:
    (tmp_path / "odd_of_a_test.py").write_text(CODE)
    (tmp_path / "odd.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    describe(tmp_path, "broken", "classification", "flat")
    settings = Settings(models_dir=tmp_path, offline=True, default_model="broken")
    with running(settings) as server:

        def told() -> str:
            answer = server.client.get("/readyz")
            assert answer.status_code == 503
            return str(answer.json()["detail"])

        until(lambda: "odd.safetensors" in told())
        assert "not a readable safetensors" in told()
        assert str(tmp_path) not in told()
