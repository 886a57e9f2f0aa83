"""What people bring with a model: code beside its file, checksums, labels, odd answers."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.weights.weights import CorruptWeights, InvalidModelFile
from fovea.models.preprocessing import prepare
from fovea.models.running import tasks
from tests.models.folder.conftest import FACTORY, PREPROCESSING

OWN = 'builder = "own_of_a_test:make"\nweights = "m.safetensors"\n'
ARGUMENTS = "[arguments]\nclasses = 10\n"


def described(put: Callable[..., Catalog], top: str = "", classes: int = 10) -> Catalog:
    space: dict[str, Any] = {}
    exec(FACTORY, space)
    torch.manual_seed(0)
    text = OWN + top + f"[arguments]\nclasses = {classes}\n" + PREPROCESSING
    catalog = put("m", text, space["make"](classes))
    assert catalog.models_dir is not None
    (catalog.models_dir / "own_of_a_test.py").write_text(FACTORY)
    return catalog


def home(catalog: Catalog) -> Path:
    assert catalog.models_dir is not None
    return catalog.models_dir


def test_a_module_beside_the_description(put: Callable[..., Catalog]) -> None:
    catalog = described(put)
    assert catalog.spec("m").reason is None
    assert catalog.load("m").module(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    assert str(home(catalog)) not in sys.path
    assert "own_of_a_test" not in sys.modules
    (home(catalog) / "helper_of_a_test.py").write_text("CLASSES = 10\n")
    with_helper = FACTORY.replace("import torch\n", "import helper_of_a_test, torch\n", 1)
    (home(catalog) / "own_of_a_test.py").write_text(with_helper)
    assert catalog.load("m").module(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    sys.modules.pop("helper_of_a_test", None)


def test_a_module_that_is_nowhere_is_told(put: Callable[..., Catalog]) -> None:
    reason = put("m", OWN + PREPROCESSING, nn.Linear(1, 1)).spec("m").reason
    assert "no own_of_a_test.py beside this file" in str(reason)


@pytest.mark.parametrize("count", [9, 12])
def test_labels_are_as_many_as_classes(put: Callable[..., Catalog], count: int) -> None:
    labels = [f"c{index}" for index in range(count)]
    with pytest.raises(InvalidModelFile, match=f"{count} labels for a network of 10 classes"):
        described(put, f"labels = {labels}\n").load("m")
    described(put, f"labels = {[*labels, 'x', 'y'][:10]}\n").load("m")


def test_a_checksum_is_heeded(put: Callable[..., Catalog]) -> None:
    catalog = described(put)
    file = home(catalog) / "m.safetensors"
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    described(put, f'sha256 = "{right}"\n').load("m")
    with pytest.raises(CorruptWeights, match=f"{right[:12]}… where {'0' * 12}… was expected"):
        described(put, f'sha256 = "{"0" * 64}"\n').load("m")
    beside = home(catalog) / "m.safetensors.sha256"
    beside.write_text(f"{right}  m.safetensors\n")
    described(put).load("m")
    beside.write_text(f"{'1' * 64}  m.safetensors\n")
    with pytest.raises(CorruptWeights, match="1" * 12):
        described(put).load("m")
    assert "64 hexadecimal digits" in str(described(put, 'sha256 = "12"\n').spec("m").reason)


LYING = {
    "no bytes": b"",
    "not a readable safetensors": (1 << 40).to_bytes(8, "little") + b"{}",
    "not a readable safetensors file": (2).to_bytes(8, "little") + b"{}" + b"surplus",
}


@pytest.mark.parametrize("what", LYING)
def test_unreadable_weights_make_a_model_unavailable(
    put: Callable[..., Catalog], tmp_path: Path, what: str
) -> None:
    catalog = described(put)
    (home(catalog) / "m.safetensors").write_bytes(LYING[what])
    assert what in str(catalog.spec("m").reason)
    assert not catalog.local("m")
    (tmp_path / "resnet10t.c3_in1k.safetensors").write_bytes(LYING[what])
    supplied = Catalog(tmp_path, offline=True)
    assert what in str(supplied.spec("resnet10t.c3_in1k").reason)
    with pytest.raises(CorruptWeights, match=what):
        supplied.load("resnet10t.c3_in1k")


def test_weights_that_may_not_be_read_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "resnet10t.c3_in1k.safetensors")
    # Tests may run as root, who may read all.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    reason = str(Catalog(tmp_path, offline=True).spec("resnet10t.c3_in1k").reason)
    assert "permission" in reason
    assert "chmod 644" in reason


def test_blue_first(put: Callable[..., Catalog]) -> None:
    text = (
        'builder = "timm:resnet10t"\nweights = "m.safetensors"\n[preprocessing]\nsize = 8\n'
        'mean = [0.1, 0.2, 0.3]\nstd = [0.5, 0.6, 0.7]\nchannels = "bgr"\n'
    )
    wanted = put("m", text).spec("m").preprocessing
    assert wanted is not None
    photo = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    mean, std = (torch.tensor(x)[:, None, None] for x in ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)))
    expected = (photo[[2, 1, 0]] / 255 - mean) / std
    assert (prepare(photo, wanted)[0][0] - expected).abs().max() < 1e-6


@pytest.mark.parametrize("labels", [None, ("person",), ("background", "person")])
def test_one_channel_is_the_second_of_two_classes(labels: tuple[str, ...] | None) -> None:
    logits = torch.randn(1, 20, 30)
    mask = tasks.mask_of(logits, labels)
    assert torch.equal(mask.classes.bool(), logits[0].sigmoid() > 0.5)
    assert mask.counts == (int((logits <= 0).sum()), int((logits > 0).sum()))
    assert mask.labels[1] == ("person" if labels else "class 1")
