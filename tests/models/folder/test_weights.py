"""The weights of a described model: from a hub, not a pickle, and such as fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from fovea.models.catalog import timm_zoo
from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.weights.weights import CorruptWeights, ModelNotLocal, UnsafeCheckpoint
from tests.hub import a_hub
from tests.models.folder.conftest import PREPROCESSING


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(
    put: Callable[..., Catalog], own_code: Any, suffix: str
) -> None:
    text = f'builder = "my_nets_of_a_test:make"\nweights = "c{suffix}"\n{PREPROCESSING}'
    catalog = put("c", text)
    with pytest.raises(UnsafeCheckpoint, match="run code") as caught:
        catalog.load("c")
    assert caught.value.hint == f"Convert it: fovea convert c{suffix} c.safetensors"


def test_a_pickle_that_is_called_safetensors_is_found_out(
    put: Callable[..., Catalog], own_code: Any
) -> None:
    text = f'builder = "my_nets_of_a_test:make"\nweights = "c.safetensors"\n{PREPROCESSING}'
    catalog = put("c", text)
    assert catalog.models_dir is not None
    for new in (True, False):
        file = catalog.models_dir / "c.safetensors"
        torch.save(own_code.make(2).state_dict(), file, _use_new_zipfile_serialization=new)
        with pytest.raises(UnsafeCheckpoint, match=r"c\.safetensors is a pickle"):
            catalog.load("c")


def test_a_pickle_in_the_weights_folder_is_listed_with_the_reason(tmp_path: Path) -> None:
    name = "test_vit.r160_in1k"
    torch.save({"a": torch.ones(1)}, tmp_path / f"{name}.pth")
    catalog = Catalog(tmp_path)
    row = catalog.listed()[-1]
    assert (row.id, row.source) == (name, "local")
    assert "pickle" in str(row.reason)
    with pytest.raises(UnsafeCheckpoint) as caught:
        catalog.load(name)
    assert f"fovea convert {name}.pth {name}.safetensors" in caught.value.hint
    assert any(f"fovea convert {name}.pth" in line for line in catalog.complaints())


def test_weights_that_do_not_fit_are_named(put: Callable[..., Catalog], own_code: Any) -> None:
    text = (
        'builder = "my_nets_of_a_test:make"\nweights = "c.safetensors"\n'
        f"[arguments]\nclasses = 5\n{PREPROCESSING}"
    )
    catalog = put("c", text, own_code.make(2))
    expected = r"c\.safetensors does not fit .*second\.bias is \(2,\), not \(5,\)"
    with pytest.raises(CorruptWeights, match=expected):
        catalog.load("c")


def test_tensors_that_a_network_shares_are_needed_once(tmp_path: Path) -> None:
    from fovea.models.catalog.weights.weights import fill, read

    class Shares(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
            self.b.weight = self.a.weight

    given, network = Shares(), Shares()
    state = given.state_dict()
    del state["b.weight"]
    save_file(state, tmp_path / "s.safetensors")
    fill(network, read(tmp_path / "s.safetensors")[0], "s.safetensors")
    assert torch.equal(network.b.weight, given.a.weight)
    del state["b.bias"]
    with pytest.raises(CorruptWeights, match=r"missing b\.bias$"):
        fill(network, state, "s.safetensors")


def test_weights_from_a_repository_of_the_hub(
    put: Callable[..., Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = timm_zoo.create("test_vit", {"num_classes": 2})
    text = 'builder = "timm:test_vit"\nweights = "hub:somebody/net"\n[arguments]\nnum_classes = 2\n'
    home = put("hosted", text).models_dir
    with a_hub(monkeypatch) as hub:
        hub.files["somebody/net"] = save(network.state_dict())
        catalog = Catalog(models_dir=home, cache_dir=tmp_path / "cache")
        row = catalog.listed()[-1]  # never what is taken by default
        assert (row.id, row.source, row.repository) == ("hosted", "hub", "somebody/net")
        assert not catalog.local("hosted")
        offline = Catalog(models_dir=home, cache_dir=tmp_path / "cache", offline=True)
        with pytest.raises(ModelNotLocal) as caught:
            offline.load("hosted")
        assert "hosted.safetensors" in caught.value.hint
        loaded = catalog.load("hosted")
        assert torch.equal(loaded.module.head.weight, network.head.weight)
        assert catalog.local("hosted")
        assert offline.load("hosted").revision == loaded.revision
        assert hub.gets == [("somebody/net", None)]
    supplied = tmp_path / "supplied"
    supplied.mkdir()
    save_file(network.state_dict(), supplied / "hosted.safetensors")
    catalog = Catalog(supplied, tmp_path / "empty", home, offline=True)
    assert (catalog.listed()[0].id, catalog.spec("hosted").source) == ("hosted", "local")
    assert torch.equal(catalog.load("hosted").module.head.weight, network.head.weight)
