"""`fovea explain` as a person meets it: files, lines and exit codes."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fovea import overlay
from fovea.models.kinds.attention.rows import rows
from fovea.models.maps.gradients import relevance
from fovea.models.maps.rollout import rollout
from fovea.models.preprocessing import prepare
from fovea.models.running.inference import run, run_for_class
from fovea.server.commands.planning import plan
from tests.hub import a_hub
from tests.server.commands.conftest import SAMPLES, SUNFLOWER, UNSET, told
from tests.server.conftest import VIT
from tests.server.writers import CAPTIONER, WALLS, Writers


def fovea(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command, from any folder."""
    return subprocess.run(
        [Path(sys.executable).with_name("fovea"), *map(str, arguments)],
        env={**UNSET, "FOVEA_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def pixels_of(file: Path) -> np.ndarray[Any, Any]:
    with Image.open(file) as opened:
        return np.asarray(opened.convert("RGB"))


@pytest.fixture(scope="module")
def sunflower(vit: Any) -> tuple[Any, Any, Any]:
    """(input, geometry, trace) of the sample, computed without the server."""
    photo = torch.from_numpy(pixels_of(SUNFLOWER).copy()).permute(2, 0, 1)
    inputs, geometry = prepare(photo, vit.spec.preprocessing)
    _, (trace,) = run(vit.module, inputs, vit.layouts)
    return inputs, geometry, trace


@pytest.mark.usefixtures("here")
def test_values_and_picture_are_the_librarys_own(
    tmp_path: Path, sunflower: tuple[Any, Any, Any]
) -> None:
    _, geometry, trace = sunflower
    expected = rollout(trace).values.numpy()
    written = fovea("explain", SUNFLOWER, "--model", "vit", "-o", tmp_path / "s.npy")
    assert written.returncode == 0, written.stderr
    assert re.fullmatch(rf"{SUNFLOWER}: sunflower 0\.\d\d → .*s\.npy\n", written.stdout)
    values = np.load(tmp_path / "s.npy")
    assert np.abs(values - expected).max() < 1e-6

    assert told("explain", SUNFLOWER, "--model", "vit", "-o", tmp_path / "s.png") == 0
    picture, photo = pixels_of(tmp_path / "s.png"), pixels_of(SUNFLOWER)
    assert picture.shape == photo.shape
    drawn = overlay(rollout(trace), SUNFLOWER, geometry)
    assert np.array_equal(picture, np.asarray(drawn))
    with Image.open(tmp_path / "s.png") as file:
        assert "Rollout" in file.info["Description"]


@pytest.mark.usefixtures("here")
def test_a_class_and_a_token(tmp_path: Path, vit: Any, sunflower: tuple[Any, Any, Any]) -> None:
    inputs, _, trace = sunflower
    garfield = vit.spec.labels.index("garfield")
    out = tmp_path / "map.npy"
    common = ("explain", SUNFLOWER, "--model", "vit", "-o", out, "--map")
    assert told(*common, "relevance", "--target", "Garfield") == 0
    _, for_class = run_for_class(vit.module, inputs, garfield, vit.layouts)
    expected = relevance(for_class).values.numpy()
    assert np.abs(np.load(out) - expected).max() < 1e-4 * expected.max()
    assert told(*common, "relevance", "--target", "Garfield", "--against", "sunflower") == 0
    sunflowers = vit.spec.labels.index("sunflower")
    _, other = run_for_class(vit.module, inputs, sunflowers, vit.layouts)
    expected = expected - relevance(other).values.numpy()
    assert np.abs(np.load(out) - expected).max() < 1e-4 * np.abs(expected).max()

    assert told(*common, "attention", "--query", "5,9", "--layer", "2", "--head", "1") == 0
    third = [site for site in trace.sites if site.kind == "attention"][2]
    line = rows(third.attention, torch.tensor([1 + 5 * 14 + 9]))[1, 0, 1:].numpy()
    assert np.abs(np.load(out).ravel() - line).max() < 1e-6
    last = ("attention", "--query", "5,9", "--layer", "-4", "--head", "1")
    assert told(*common, *last) == 0
    assert np.abs(np.load(out).ravel() - line).max() < 1e-6
    assert told(*common, "attention", "--site", third.id, "--query", "5,9", "--head", "1") == 0
    assert np.abs(np.load(out).ravel() - line).max() < 1e-6


@pytest.mark.usefixtures("here")
def test_gates_lie_on_the_photo_or_stand_alone(tmp_path: Path) -> None:
    common = ("explain", SUNFLOWER, "--model", "cbam_resnet", "--map")
    assert told(*common, "spatial-gate", "--layer", 0, "-o", tmp_path / "spatial.png") == 0
    assert pixels_of(tmp_path / "spatial.png").shape == pixels_of(SUNFLOWER).shape
    assert told(*common, "channel-gate", "-o", tmp_path / "channels.npy") == 0
    channels = np.load(tmp_path / "channels.npy")
    assert channels.ndim == 1
    assert ((channels >= 0) & (channels <= 1)).all()
    assert told(*common, "channel-gate", "-o", tmp_path / "channels.png") == 0
    assert pixels_of(tmp_path / "channels.png").shape[1] >= len(channels)


@pytest.mark.usefixtures("here")
def test_a_folder_with_photos_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "maps"
    photos.mkdir()
    (photos / "good.jpg").write_bytes(SUNFLOWER.read_bytes())
    (photos / "half.jpg").write_bytes(SUNFLOWER.read_bytes()[:9000])
    (photos / "a letter.png").write_text("Dear Sir or Madam")
    (photos / "notes.txt").write_text("not meant to be a photo")
    Image.fromarray(pixels_of(SUNFLOWER)).resize((40, 30)).save(photos / "z.webp")
    assert told("explain", photos, "--model", "vit", "-o", out, "--format", "npy") == 1
    printed, complaints = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["good.npy", "z.npy"]
    assert printed.count("→") == 2
    assert "half.jpg: The JPEG file ends before the picture does." in complaints
    assert "a letter.png: This is none of the accepted formats" in complaints
    assert "2 of 4 photos done, 2 failed." in complaints
    assert "notes.txt" not in complaints
    assert "Traceback" not in complaints


@pytest.mark.usefixtures("here")
def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert told("explain", SUNFLOWER, "--model", "vit", "--opacity", "0.4", "-o", out) == 0
    page = out.read_text("utf-8")
    assert set(re.findall(r'(?:src|href)="([^":]*)', page)) == {"data"}
    assert not re.search(r"https?://|url\(|@import|fetch\(", page)
    assert "default-src 'none'" in page
    assert 'value="40"' in page
    assert "<td>sunflower</td>" in page
    assert "Rollout of the class token through 6 layers" in page
    values = json.loads(re.search(r"const values = (.*);", page)[1])
    assert np.shape(values) == (14, 14)


def watched(*arguments: object, **environment: str) -> tuple[int, bytes]:
    """(exit code, what a person sees besides the results) of the real command in a terminal."""
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    with subprocess.Popen(
        [Path(sys.executable).with_name("fovea"), *map(str, arguments)],
        env={**UNSET, **environment},
        stdout=subprocess.DEVNULL,
        stderr=end,
    ) as running:
        os.close(end)
        seen = b""
        while chunk := _read(terminal):
            seen += chunk
        os.close(terminal)
        return running.wait(240), seen


def test_a_bar_where_a_person_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_dir: Path
) -> None:
    """First for the weights, which come from a hub, then for the photos."""
    photos, out = (SUNFLOWER, SAMPLES / "stop_sign.jpg"), tmp_path / "maps"
    cache = {"FOVEA_CACHE_DIR": str(tmp_path / "cache")}
    common = ("explain", *photos, "--model", VIT.split(".")[0], "-o", out)
    with a_hub(monkeypatch) as hub:
        weights = (weights_dir / f"{VIT}.safetensors").read_bytes()
        hub.files[f"timm/{VIT}"] = weights
        hub.pause_s = 0.8 / (len(weights) / hub.piece)
        code, seen = watched(*common, **cache, HF_ENDPOINT=hub.url)
        assert code == 0, seen
        assert re.search(rb"test_vit\.r160_in1k: +\d+%.*MB?/s", seen)
        assert b"2/2" in seen
        assert b"photo" in seen
    assert sorted(path.name for path in out.iterdir()) == ["stop_sign.png", "sunflower.png"]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # The other end was closed.
        return b""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--map", "saliency", "-o", "x.png"), "there is no map 'saliency'. Valid: attention,"),
        (
            ("--map", "rollout", "--query", "cls", "-o", "x.png"),
            "--query is for attention, positions; not",
        ),
        (("--map", "attention", "--target", "3", "-o", "x.png"), "--target is for .*relevance"),
        (("--map", "attention", "--site", "s00", "--layer", "0", "-o", "x.png"), "one of them"),
        (("-o", "x.tiff"), r"'x.tiff' should end in .png, .jpg, .webp, .npy or .html"),
        (("-o", "x.png", "--format", "npy"), "'x.png' should end in"),
        (("--model", "vitt", "-o", "x.png"), "There is no model 'vitt'. Did you mean 'vit'"),
        (("--model", "vit", "--map", "relevance", "--target", "dog", "-o", "x.png"), "'dog' is no"),
        (("--model", "vit", "--map", "attention", "--layer", "6", "-o", "x.png"), "layers 0 to 5"),
        (("--model", "vit", "--map", "attention", "--query", "14,0", "-o", "x.png"), "0 to 13"),
        (("--device", "tpu", "-o", "x.png"), "FOVEA_DEVICE"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_not_understood_is_a_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told("explain", SUNFLOWER, *arguments) == 2
    complaint = capsys.readouterr().err
    assert re.search(sentence, complaint), complaint
    assert "Traceback" not in complaint
    assert "/v1/" not in complaint
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("here")
def test_what_cannot_be_done_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.png"
    assert told("explain", tmp_path / "gone.jpg", "--model", "vit", "-o", out) == 1
    assert "gone.jpg: No such file or directory." in capsys.readouterr().err
    assert told("explain", SUNFLOWER, "--model", "se_resnet", "--map", "rollout", "-o", out) == 1
    assert "self-attention over the patches" in capsys.readouterr().err
    assert told("explain", SUNFLOWER, "--model", "vit", "--map", "spatial-gate", "-o", out) == 1
    assert "vit: it has no spatial gate" in capsys.readouterr().err
    name = "vit_small_patch16_224.augreg_in1k"
    assert told("explain", SUNFLOWER, "--model", name, "-o", out) == 1
    assert "FOVEA_WEIGHTS_DIR" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.usefixtures("here")
def test_networks_that_write_and_that_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fovea.server.commands.explain.catalogue", lambda settings: Writers())
    common = ("explain", SUNFLOWER, "-o", tmp_path / "x.html", "--model")
    assert told(*common, CAPTIONER, "--map", "relevance", "--word", "0") == 0
    caption = re.search("“(.*)” →", capsys.readouterr().out)[1]
    assert caption
    page = (tmp_path / "x.html").read_text("utf-8")
    assert f'<td colspan="2">{caption}</td>' in page
    assert f"for “{caption.split()[0]}”" in page
    assert told(*common, WALLS, "--map", "attention") == 0
    said = re.findall(r"(wall|other) (\d+)%", capsys.readouterr().out)
    assert sum(int(share) for _, share in said) == pytest.approx(100, abs=1)


def test_files_of_several_photos_do_not_collide(tmp_path: Path) -> None:
    for name in ("a/cat.jpg", "a/cat.png", "b/cat.png", "b/dog.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    work = plan([tmp_path / "a", tmp_path / "b"], tmp_path / "out", "npy")
    assert [one.outputs[0].name for one in work] == [
        "cat.jpg.npy",
        "a-cat.png.npy",
        "b-cat.png.npy",
        "dog.npy",
    ]


@pytest.mark.usefixtures("here")
def test_outputs_that_make_no_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told("explain", SUNFLOWER, SUNFLOWER, "-o", tmp_path / "maps.png") == 2
    assert "several photos are written into a folder" in capsys.readouterr().err
    assert told("explain", SUNFLOWER, SUNFLOWER, "-o", tmp_path / "maps") == 2
    assert "two photos would both be written as" in capsys.readouterr().err
    assert told("explain", tmp_path, "-o", tmp_path / "maps") == 2
    assert "there are no photos in" in capsys.readouterr().err
    photo = tmp_path / "photo.png"
    Image.fromarray(pixels_of(SUNFLOWER)).save(photo)
    before = photo.read_bytes()
    assert told("explain", photo, "-o", photo) == 2
    assert "is the photo itself" in capsys.readouterr().err
    assert photo.read_bytes() == before
