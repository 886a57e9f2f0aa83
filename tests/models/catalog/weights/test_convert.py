"""Pickles become safetensors without anything of theirs being run."""

import argparse
import io
import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from fovea.models.catalog import timm_zoo
from fovea.models.catalog.weights.convert import NotConvertible, convert
from fovea.models.catalog.weights.weights import CorruptWeights, fill, is_pickle
from fovea.server.commands.cli import main

NETWORK = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def saved(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


class Malice:
    """What a hostile checkpoint holds: a file is made when it is opened."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return Path.touch, (self.made,)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": state, "optimizer": {}},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    ],
)
@pytest.mark.parametrize("new", [True, False])
def test_the_tensors_of_a_checkpoint_arrive_whole(tmp_path: Path, wrap: Any, new: bool) -> None:
    state = NETWORK.state_dict()
    source, target = tmp_path / "net.pth", tmp_path / "net.safetensors"
    torch.save(wrap(state), source, _use_new_zipfile_serialization=new)
    shapes = convert(source, target).shapes
    written = load_file(target)
    assert shapes == {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert written.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(written[name], tensor)


def test_shared_and_transposed_tensors(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": whole, "b": whole, "c": whole.T}, tmp_path / "net.pt")
    convert(tmp_path / "net.pt", tmp_path / "net.safetensors")
    written = load_file(tmp_path / "net.safetensors")
    assert torch.equal(written["a"], written["b"])
    assert torch.equal(written["c"], whole.T)


def test_nothing_is_run(tmp_path: Path) -> None:
    made, source = tmp_path / "made", tmp_path / "net.pth"
    torch.save({"a": torch.ones(1), "b": Malice(made)}, source)
    with pytest.raises(NotConvertible, match="would run code"):
        convert(source, tmp_path / "net.safetensors")
    assert not made.exists()
    torch.load(source, weights_only=False)
    assert made.exists(), "the checkpoint was harmless, so the test showed nothing"


@pytest.mark.parametrize(
    ("content", "target", "message"),
    [
        (saved([1, 2]), "net.safetensors", "no tensors by name"),
        (saved({"epoch": 3}), "net.safetensors", "no tensors by name"),
        (pickle.dumps([1, 2]), "net.safetensors", "damaged"),
        (b"nonsense", "net.safetensors", "damaged"),
        (b"", "net.safetensors", "damaged"),
        (None, "net.safetensors", "cannot read"),
        (pickle.dumps({}), "net.pth", "called something.safetensors"),
    ],
)
def test_what_cannot_be_converted_is_said_in_a_line(
    tmp_path: Path, content: bytes | None, target: str, message: str
) -> None:
    source = tmp_path / "net.pth"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(NotConvertible) as raised:
        convert(source, tmp_path / target)
    told = str(raised.value)
    assert message in told
    assert "\n" not in told
    assert "weights_only" not in told
    assert "\x1b" not in told


@pytest.mark.parametrize("new", [True, False])
def test_the_refusal_names_what_is_too_much(tmp_path: Path, new: bool) -> None:
    source = tmp_path / "net.pth"
    torch.save(NETWORK, source, _use_new_zipfile_serialization=new)
    with pytest.raises(NotConvertible, match=r"torch\.nn\.modules\.\w+\.\w+") as raised:
        convert(source, tmp_path / "net.safetensors")
    told = str(raised.value)
    assert "would run code" in told
    for advice in ("weights_only", "safe_globals", "trust the source", "\x1b", "\n"):
        assert advice not in told


def test_what_training_scripts_keep_beside_the_weights(tmp_path: Path) -> None:
    """Timm's and torchvision's scripts keep their arguments, others numbers of numpy and paths."""
    beside = {
        "args": argparse.Namespace(lr=0.1, output=Path("runs"), nested=argparse.Namespace(a=1)),
        "best": np.float64(0.5),
        "count": np.int64(3),
        "epoch": 3,
    }
    for number, key in enumerate(("state_dict", "model", "model_ema")):
        source = tmp_path / f"{number}.pth"
        torch.save({key: NETWORK.state_dict(), **beside}, source)
        shapes = convert(source, tmp_path / "net.safetensors").shapes
        assert shapes.keys() == NETWORK.state_dict().keys()


def test_lightnings_settings_are_passed_over_without_lightning(tmp_path: Path) -> None:
    module = types.ModuleType("pytorch_lightning.utilities.parsing")

    class AttributeDict(dict):  # type: ignore[type-arg]
        pass

    AttributeDict.__module__, AttributeDict.__qualname__ = module.__name__, "AttributeDict"
    module.AttributeDict = AttributeDict  # type: ignore[attr-defined]
    names = ("pytorch_lightning", "pytorch_lightning.utilities", module.__name__)
    state = {f"net.{name}": tensor for name, tensor in NETWORK.state_dict().items()}
    source = tmp_path / "epoch=1.ckpt"
    try:
        sys.modules.update(dict.fromkeys(names, module))
        settings = AttributeDict(lr=0.1)
        torch.save({"state_dict": state, "hyper_parameters": settings}, source)
    finally:
        for name in names:
            sys.modules.pop(name, None)
    done = convert(source, tmp_path / "net.safetensors", NETWORK.state_dict().keys())
    assert done.shapes.keys() == NETWORK.state_dict().keys()
    assert done.left == done.missing == ()


PREFIXES = ("model.", "module.", "student.", "backbone.", "_orig_mod.", "student.module.backbone.",
            "model._orig_mod.", "net.encoder.", "")  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_stands_before_the_names_is_taken_off(tmp_path: Path, prefix: str) -> None:
    state = NETWORK.state_dict()
    given = {prefix + name: tensor for name, tensor in state.items()}
    given["criterion.weight"] = torch.ones(3)
    torch.save({"state_dict": given}, tmp_path / "net.ckpt")
    done = convert(tmp_path / "net.ckpt", tmp_path / "net.safetensors", state.keys())
    written = load_file(tmp_path / "net.safetensors")
    assert written.keys() == state.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in state.items())
    assert done.left == ("criterion.weight",)
    assert done.renamed == {prefix + name: name for name in state}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_file_with_prefixes_is_filled_into_its_network(prefix: str) -> None:
    state = NETWORK.state_dict()
    copy = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    fill(copy, {prefix + name: tensor for name, tensor in state.items()}, "net.safetensors")
    assert all(torch.equal(copy.state_dict()[name], tensor) for name, tensor in state.items())
    wrapped = nn.ModuleDict({"model": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))})
    fill(wrapped, dict(state), "net.safetensors")
    assert torch.equal(wrapped.state_dict()["model.0.weight"], state["0.weight"])
    with pytest.raises(CorruptWeights, match="unknown criterion"):
        fill(copy, {f"{prefix}{n}": t for n, t in state.items()} | {"criterion.w": torch.ones(1)},
             "net.safetensors")  # fmt: skip


def test_several_files_become_one(tmp_path: Path) -> None:
    state = {f"model.{name}": tensor for name, tensor in NETWORK.state_dict().items()}
    halves = list(state.items())[:3], list(state.items())[3:]
    for number, half in enumerate(halves):
        torch.save(dict(half), tmp_path / f"{number}.bin")
    files = [tmp_path / "0.bin", tmp_path / "1.bin"]
    done = convert(files, tmp_path / "net.safetensors", NETWORK.state_dict().keys())
    assert done.shapes.keys() == NETWORK.state_dict().keys()
    with pytest.raises(NotConvertible, match=r"is in 0\.bin and in a file before it"):
        convert([*files, files[0]], tmp_path / "net.safetensors")


def test_a_part_of_the_checkpoint_can_be_named(tmp_path: Path) -> None:
    parts = {name: {"w": torch.full((1,), value)} for name, value in (("a", 1.0), ("b", 2.0))}
    torch.save(parts, tmp_path / "net.pth")
    with pytest.raises(NotConvertible, match="several parts: a, b"):
        convert(tmp_path / "net.pth", tmp_path / "net.safetensors")
    convert(tmp_path / "net.pth", tmp_path / "net.safetensors", key="b")
    assert load_file(tmp_path / "net.safetensors")["w"].item() == 2
    with pytest.raises(NotConvertible, match="no part 'c'; it has a, b"):
        convert(tmp_path / "net.pth", tmp_path / "net.safetensors", key="c")


def test_whoever_runs_the_server_can_read_what_is_written(tmp_path: Path) -> None:
    torch.save(NETWORK.state_dict(), tmp_path / "net.bin")
    before = os.umask(0o077)
    try:
        convert(tmp_path / "net.bin", tmp_path / "net.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "net.safetensors").stat().st_mode & 0o777 == 0o644
    with pytest.raises(NotConvertible, match="over what it is made of"):
        convert(tmp_path / "net.safetensors", tmp_path / "net.safetensors")


def test_the_command_lists_the_renaming(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = timm_zoo.create("resnet10t", {})
    state = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"state_dict": {**state, "loss.w": torch.ones(1)}}, tmp_path / "net.ckpt")
    target = tmp_path / "net.safetensors"
    main(["convert", str(tmp_path / "net.ckpt"), str(target), "--model", "resnet10t"])
    told = capsys.readouterr().out
    assert f"{target}: {len(state)} tensors" in told
    assert f"renamed: model. → (nothing): {len(state)} names" in told
    assert "left out: loss.w" in told


def test_pickles_are_told_from_everything_else(tmp_path: Path) -> None:
    for new in (True, False):
        torch.save(NETWORK.state_dict(), tmp_path / "net", _use_new_zipfile_serialization=new)
        assert is_pickle((tmp_path / "net").read_bytes()[:512])
    for protocol in range(2, 6):
        assert is_pickle(pickle.dumps({"a": 1}, protocol)[:512])
    innocent = (
        b"", b"\x80", b"\x80\x02", b"\x80\x04\x95\0\0\0\0\0{}", b"PK\x03\x04" + bytes(500),
        b"\x89PNG\r\n\x1a\n", b"{}",
    )  # fmt: skip
    assert not any(is_pickle(data) for data in innocent)
