"""What a newcomer types first: nothing, a mistyped word, a pipe, an address, another encoding."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fovea
from fovea.server.commands.cli import COMMANDS, main, parser
from fovea.server.settings import SettingsError, load
from tests.server.commands.conftest import ROOT, SAMPLES, SUNFLOWER, UNSET, told

pytestmark = pytest.mark.usefixtures("here")


def test_without_a_word_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    printed = capsys.readouterr().out
    assert "start here:" in printed
    assert all(name in printed for name in COMMANDS)


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"fovea {fovea.__version__}\n"


@pytest.mark.parametrize(
    ("words", "told_so"),
    [
        (("model",), "Did you mean models?"),
        (("--vresion",), "Did you mean --version?"),
        (("serve", "--prot", "80"), "Did you mean --port?"),
        (("serve", "now"), "'now' is not understood here"),
        (("explain", "x.jpg", "-o", "x.png", "--modle", "vit"), "Did you mean --model?"),
        (("explain", "x.jpg", "-o", "x.png", "--render", "overlya"), "Did you mean overlay?"),
        (("explain", "x.jpg", "-o", "x.png", "--map", "rolout"), "Did you mean rollout?"),
        (("explain", "x.jpg"), "-o PATH"),
        (("explain", "https://example.org/cat.jpg", "-o", "x.png"), "downloads no photos"),
        (("explain", "https:/example.org/cat.jpg", "-o", "x.png"), "downloads no photos"),
        (("explain", "data:image/png;base64,AAAA", "-o", "x.png"), "downloads no photos"),
        (("explain", "nothing-*.jpg", "-o", "x.png"), "no file matches 'nothing-*.jpg'"),
        (("explain", "-", "-", "-o", "x"), "give - once"),
    ],
)
def test_what_is_not_understood_is_met_halfway(
    words: tuple[str, ...], told_so: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(*words) == 2
    assert told_so in capsys.readouterr().err


def test_a_translator_knows_the_words_of_one_language(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert told("explain", "--text", "le chat voit", "-o", tmp_path / "x.png") == 1
    complaint = capsys.readouterr().err
    assert "does not know 'le', 'chat', 'voit'" in complaint
    assert "cat cats" in complaint
    assert "chats" not in complaint.split("knows the words")[1]


def test_a_device_that_has_another_name() -> None:
    with pytest.raises(SettingsError, match=r"FOVEA_DEVICE: valid: auto .*cuda .*'gpu'"):
        load(device="gpu")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_stream_that_is_not_unicode(encoding: str, tmp_path: Path) -> None:
    """As on Windows, where the output goes into a pipe."""
    written = subprocess.run(
        [sys.executable, "-m", "fovea", "explain", SUNFLOWER, "-o", tmp_path / "x.png"],
        cwd=ROOT,
        env={**UNSET, "FOVEA_OFFLINE": "1", "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert written.returncode == 0, written.stderr
    assert b"sunflower 0.82 -> " in written.stdout


def test_a_photo_from_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO(SUNFLOWER.read_bytes())

    assert told("explain", SUNFLOWER, "-o", tmp_path / "file.npy") == 0
    monkeypatch.setattr(sys, "stdin", Pipe)
    assert told("explain", "-", "-o", tmp_path / "pipe.npy") == 0
    assert np.array_equal(np.load(tmp_path / "pipe.npy"), np.load(tmp_path / "file.npy"))


def test_a_pattern_that_no_shell_filled_in(tmp_path: Path) -> None:
    assert told("explain", SAMPLES / "s*er.jpg", "-o", tmp_path, "--format", "npy") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["sunflower.npy"]


def test_other_formats_of_the_same_picture(tmp_path: Path) -> None:
    for name in ("x.png", "x.webp", "x.jpg", "x.jpeg"):
        assert told("explain", SUNFLOWER, "-o", tmp_path / name) == 0
    opened = {path.name: Image.open(io.BytesIO(path.read_bytes())) for path in tmp_path.iterdir()}
    kinds = {"x.png": "PNG", "x.webp": "WEBP", "x.jpg": "JPEG", "x.jpeg": "JPEG"}
    assert {name: one.format for name, one in opened.items()} == kinds
    png, webp, jpg = (np.asarray(opened[f"x.{one}"], float) for one in ("png", "webp", "jpg"))
    assert np.abs(webp - png).mean() < 4
    assert np.abs(jpg - png).mean() < 2
    assert opened["x.jpg"].info["comment"].startswith(b"Rollout")


def test_several_maps_in_one_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = ("--map", "rollout", "--map", "attention", "--query", "5,9")
    assert told("explain", SUNFLOWER, *maps, "--json", "--format", "npy", "-o", tmp_path) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [row["map"] for row in rows] == ["rollout", "attention"]
    assert [Path(row["output"]).name for row in rows] == [
        "sunflower-rollout.npy",
        "sunflower-attention.npy",
    ]
    assert "row 5, column 9" in rows[1]["sentence"]
    for row in rows:
        assert told("explain", SUNFLOWER, "--map", row["map"], "-o", tmp_path / "one.npy",
                    *(("--query", "5,9") if row["map"] == "attention" else ())) == 0  # fmt: skip
        assert np.array_equal(np.load(row["output"]), np.load(tmp_path / "one.npy"))
        assert row["shape"] == list(np.load(row["output"]).shape)
    assert told("explain", SUNFLOWER, *maps, "-o", tmp_path / "maps.png") == 2
    assert "several maps are written into a folder" in capsys.readouterr().err


def test_values_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told("explain", SUNFLOWER, "-o", tmp_path / "x.npy") == 0
    capsys.readouterr()
    assert told("explain", SUNFLOWER, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose(row["values"], np.load(tmp_path / "x.npy"))
    assert row["predictions"][0]["label"] == "sunflower"
    assert row["axes"] == ["row", "column"]


def test_a_checkpoint_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import safetensors.torch
    import torch

    weights = {"layer.weight": torch.arange(6.0).reshape(2, 3)}
    torch.save(weights, tmp_path / "x.pth")
    assert told("convert", tmp_path / "x.pth", tmp_path / "x.safetensors") == 0
    read = safetensors.torch.load_file(tmp_path / "x.safetensors")
    assert torch.equal(read["layer.weight"], weights["layer.weight"])
    assert "1 tensors" in capsys.readouterr().out
    assert told("convert", tmp_path / "gone.pth", tmp_path / "y.safetensors") == 1
    assert "gone.pth" in capsys.readouterr().err


def test_the_shell_is_told_how_a_line_could_go_on(tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")
    answer = tmp_path / "answer"
    line = "fovea explain --ren"
    subprocess.run(
        [sys.executable, "-m", "fovea"],
        cwd=ROOT,
        env={**os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
             "_ARGCOMPLETE_STDOUT_FILENAME": str(answer)},
        timeout=60,
        check=False,
    )  # fmt: skip
    assert answer.read_text().split() == ["--render"]


def test_every_command_is_refused_an_option_that_it_has_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = {
        "doctor": ["vit"],
        "convert": ["a.pth", "a.safetensors"],
        "sweep": ["a.jpg", "--over", "heads"],
        "evidence": ["a.jpg", "--map", "rollout", "--measure", "deletion"],
    }
    for name in COMMANDS:
        assert told(name, *arguments.get(name, []), "--no-such-thing") == 2
        assert "there is no option --no-such-thing" in capsys.readouterr().err
    assert parser().parse_args([]).command is None
