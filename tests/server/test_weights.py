"""Weights that are damaged, of another network or not here: named, not loaded."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fovea.server.settings import Settings
from tests.server.conftest import SE, VIT, Running, running, until

NOT_HERE = "vit_small_patch16_224.augreg_in21k_ft_in1k"


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory, weights_dir: Path) -> Iterator[Running]:
    """A server whose folder holds one sound network and several that are not."""
    folder = tmp_path_factory.mktemp("damaged")
    sound = load_file(weights_dir / f"{SE}.safetensors")
    save_file(sound, folder / f"{SE}.safetensors")
    tensors = load_file(weights_dir / f"{VIT}.safetensors")
    tensors["norm.weight"] = torch.zeros(7)
    save_file(tensors, folder / f"{VIT}.safetensors")
    whole = (weights_dir / f"{VIT}.safetensors").read_bytes()
    lying = (1 << 40).to_bytes(8, "little") + whole[8:]
    (folder / "test_vit2.r160_in1k.safetensors").write_bytes(lying)
    (folder / "test_vit3.r160_in1k.safetensors").write_bytes(whole[: len(whole) // 2])
    with running(
        Settings(weights_dir=folder, cache_dir=folder / "cache", offline=True, default_model=SE)
    ) as server:
        yield server


@pytest.mark.parametrize("model", [VIT, "test_vit2.r160_in1k", "test_vit3.r160_in1k"])
def test_damaged_weights_are_named_and_not_loaded(
    damaged: Running, picture: Callable[[int], bytes], model: str
) -> None:
    response = damaged.client.post(
        "/v1/analyses", files={"image": picture(0)}, data={"model": model}
    )
    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "/problems/corrupt-weights")
    assert f"{model}.safetensors" in problem["detail"]
    assert str(damaged.engine.settings.weights_dir) not in response.text
    if model == VIT:
        assert "norm.weight" in problem["detail"]
    assert damaged.analyse(picture(0), SE)["sites"]


def test_a_model_that_is_not_here_says_how_to_supply_it(
    damaged: Running, picture: Callable[[int], bytes]
) -> None:
    card = damaged.client.get(f"/v1/models/{NOT_HERE}").json()
    assert card["status"] == "unavailable"
    response = damaged.client.post(
        "/v1/analyses", files={"image": picture(0)}, data={"model": NOT_HERE}
    )
    problem = response.json()
    assert (response.status_code, problem["type"]) == (503, "/problems/model-not-local")
    assert "FOVEA_WEIGHTS_DIR" in problem["hint"]


# --- the model folder, and pickles --------------------------------------------------------------

WRONG = """builder = "timm:test_vit"
weights = "own.safetensors"
[preprocessing]
crop = "middle"
"""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory, weights_dir: Path) -> Iterator[Running]:
    """A server with a model folder: one sound description, one with a mistake, pickles."""
    home = tmp_path_factory.mktemp("described")
    (home / "own.safetensors").symlink_to(weights_dir / f"{VIT}.safetensors")
    (home / "own.toml").write_text(WRONG.replace("middle", "squash"))
    (home / "wrong.toml").write_text(WRONG)
    (home / "pickle.toml").write_text('builder = "timm:test_vit"\nweights = "own.pth"\n')
    (home / "lies.toml").write_text('builder = "timm:test_vit"\nweights = "lies.safetensors"\n')
    whole = (weights_dir / f"{VIT}.safetensors").read_bytes()
    (home / "lies.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + whole[8:])
    other = tmp_path_factory.mktemp("pickles")
    torch.save({"a": torch.ones(1)}, other / f"{SE}.pth")
    settings = Settings(models_dir=home, weights_dir=other, offline=True, default_model="own")
    with running(settings) as server:
        yield server


def test_a_described_model_is_analysed(
    described: Running, picture: Callable[[int], bytes], weights_dir: Path
) -> None:
    analysis = described.analyse(picture(0), "own")
    assert [site["kind"] for site in analysis["sites"]] == ["attention"] * 6
    card = described.client.get("/v1/models/own").json()
    assert (card["status"], card["source"], card["reason"]) == ("ready", "local", None)
    assert card["preprocessing"]["fit"] == "squash"
    until(lambda: described.client.get("/readyz").status_code == 200)


def test_what_cannot_be_used_is_listed_with_its_reason(described: Running) -> None:
    rows = {row["id"]: row for row in described.client.get("/v1/models").json()}
    assert rows["wrong"]["status"] == "unavailable"
    assert (
        "line 4: crop: 'middle' is none of centre, centre-down, squash" in rows["wrong"]["reason"]
    )
    assert {rows[name]["status"] for name in ("pickle", SE)} == {"unavailable"}
    assert all("is a pickle" in rows[name]["reason"] for name in ("pickle", SE))
    assert rows["vit"]["status"] == "ready"
    assert list(rows)[-1] == "wrong"


@pytest.mark.parametrize(
    ("model", "status", "slug", "told"),
    [
        ("wrong", 503, "invalid-model-file", "line 4"),
        (
            "pickle",
            415,
            "unsafe-checkpoint",
            "fovea convert own.pth",
        ),
        (SE, 415, "unsafe-checkpoint", f"fovea convert {SE}.pth"),
        ("lies", 422, "corrupt-weights", "lies.safetensors: not a readable safetensors file"),
    ],
)
def test_what_cannot_be_used_is_refused_and_the_next_is_fine(
    described: Running,
    picture: Callable[[int], bytes],
    model: str,
    status: int,
    slug: str,
    told: str,
) -> None:
    answer = described.client.post(
        "/v1/analyses", files={"image": picture(0)}, data={"model": model}
    )
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert told in answer.text
    assert str(described.engine.settings.models_dir) not in answer.text
    assert described.analyse(picture(1), "own")["sites"]
    if slug != "corrupt-weights":
        answer = described.client.post(f"/v1/models/{model}/download")
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


@pytest.mark.parametrize("new", [True, False])
def test_a_posted_pickle_is_refused_unopened(described: Running, tmp_path: Path, new: bool) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pth", _use_new_zipfile_serialization=new)
    answer = described.client.post(
        "/v1/analyses", files={"image": ("a.pth", (tmp_path / "a.pth").read_bytes())}
    )
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsafe-checkpoint")
    assert "fovea convert" in answer.json()["hint"]


def test_mistakes_are_in_the_log_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wrong.toml").write_text("bilder = 3\n")
    with (
        caplog.at_level(logging.WARNING, "fovea.models"),
        running(Settings(models_dir=tmp_path, offline=True, default_model="vit")),
    ):
        until(lambda: "wrong.toml" in caplog.text)
    assert "wrong.toml, line 1: there is no key `bilder`; did you mean `builder`?" in caplog.text
