"""Pickles become safetensors without anything of theirs being run."""

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from fovea.models.catalog.weights.convert import NotConvertible, convert, main
from fovea.models.catalog.weights.weights import is_pickle

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
    shapes = convert(source, target)
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
    with pytest.raises(SystemExit) as ended:
        main([str(source), str(tmp_path / target)])
    told = str(ended.value)
    assert told.startswith("Not converted: ")
    assert message in told
    assert "\n" not in told


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(NETWORK.state_dict(), tmp_path / "net.bin")
    main([str(tmp_path / "net.bin"), str(tmp_path / "net.safetensors")])
    size = (tmp_path / "net.safetensors").stat().st_size
    assert f"7 tensors, {size:,} bytes" in capsys.readouterr().out


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
