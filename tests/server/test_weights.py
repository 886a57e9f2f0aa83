"""Weights that are damaged, of another network or not here: named, not loaded."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from server.settings import Settings
from tests.server.conftest import SE, VIT, Running, running

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
