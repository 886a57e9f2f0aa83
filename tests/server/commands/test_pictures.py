"""Sampling grids, what is read through them, and masks, against formulas written out here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.shipped import bundled
from fovea.models.preprocessing import prepare
from fovea.models.running.inference import run
from fovea.server.wire.masks import palette
from fovea.server.wire.render import colormap
from tests.server.commands.conftest import SAMPLES, told

DIGIT, SIGN, ROOM = (
    SAMPLES / name for name in ("digit_turned.png", "sign_no_entry.png", "room_bedroom.jpg")
)


def seen(file: Path, model: str) -> tuple[np.ndarray, list[np.ndarray], torch.Tensor]:
    """The photo, its spatial transformers' thetas, and the network's answer."""
    with Image.open(file) as opened:
        photo = np.asarray(opened.convert("RGB"))
    loaded = Catalog().load(model)
    inputs, _ = prepare(torch.from_numpy(photo.copy()).permute(2, 0, 1), loaded.spec.preprocessing)
    output, (trace,) = run(loaded.module, inputs, loaded.layouts)
    samplers = [site for site in trace.sites if site.kind == "spatial-transformer"]
    return photo, [site.sampling.theta[0].double().numpy() for site in samplers], output


def pixels_of(file: Path) -> np.ndarray:
    with Image.open(file) as opened:
        return np.asarray(opened.convert("RGB"))


def corner(thetas: list[np.ndarray], x: float, y: float, side_px: int) -> tuple[int, int]:
    """(row, column) on a square photo that is seen whole, of a point of the last one's window."""
    point = np.array([x, y])
    for theta in reversed(thetas):
        point = theta[:, :2] @ point + theta[:, 2]
    column, row = ((point + 1) / 2 * side_px).astype(int)
    return int(row), int(column)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("file", "model", "layer", "through"),
    [
        (DIGIT, "stn_digits", 0, [0]),
        (DIGIT, "stn_digits", 1, [1]),  # both looks read the photo itself
        (SIGN, "stn_signs", 0, [0]),
        (SIGN, "stn_signs", 1, [0, 1]),  # the second reads what the first passed on
    ],
)
def test_a_grid_lies_where_theta_says(
    file: Path, model: str, layer: int, through: list[int], tmp_path: Path
) -> None:
    photo, thetas, _ = seen(file, model)
    asked = ("explain", file, "--model", model, "--map", "grid", "--layer", layer)
    assert told(*asked, "--colormap", "inferno", "-o", tmp_path / "grid.png") == 0
    drawn = pixels_of(tmp_path / "grid.png")
    assert drawn.shape == photo.shape
    chain = [thetas[number] for number in through]
    # The middle of the upper side: affine_grid's first row lies half a cell inside it.
    assert told(*asked, "-o", tmp_path / "grid.npy") == 0
    points = np.load(tmp_path / "grid.npy")
    rows = points.shape[0]
    upper = corner(chain, 0, 1 / rows - 1, photo.shape[0])
    assert np.abs(drawn[upper].astype(int) - colormap("inferno")[247]).max() <= 2
    lower = corner(chain, 0.02, 1 - 1 / rows, photo.shape[0])
    around = drawn[lower[0] - 2 : lower[0] + 3, lower[1] - 2 : lower[1] + 3].reshape(-1, 3)
    assert np.abs(around.astype(int) - colormap("inferno")[173]).max(axis=1).min() <= 12
    # Nothing is drawn outside: the photo is as it was.
    changed = np.argwhere((drawn != photo).any(axis=2))
    corners = [corner(chain, x, y, photo.shape[0]) for x in (-1, 1) for y in (-1, 1)]
    low, high = np.min(corners, axis=0) - 6, np.max(corners, axis=0) + 6
    assert (changed >= low).all()
    assert (changed <= high).all()


@pytest.mark.usefixtures("here")
def test_what_is_read_is_a_picture_where_it_is_one(tmp_path: Path) -> None:
    asked = ("explain", DIGIT, "--model", "stn_digits", "--map", "warped")
    assert told(*asked, "-o", tmp_path / "w.png") == 0
    assert told(*asked, "-o", tmp_path / "w.npy") == 0
    values = np.load(tmp_path / "w.npy")
    assert values.shape == (1, 28, 28)
    # The values are the network's own; the picture has their normalisation undone.
    wanted = bundled()["stn_digits"].preprocessing
    assert wanted is not None
    expected = np.rint((values[0] * wanted.std[0] + wanted.mean[0]).clip(0, 1) * 255)
    assert np.abs(pixels_of(tmp_path / "w.png")[..., 0] - expected).max() <= 1
    # A feature map is none: its 48 channels stand side by side, seven by seven.
    asked = ("explain", SIGN, "--model", "stn_signs", "--map", "warped")
    assert told(*asked, "-o", tmp_path / "f.png") == 0
    height, width, _ = pixels_of(tmp_path / "f.png").shape
    assert height == width
    assert height % (7 * 16) == 0


@pytest.mark.usefixtures("here")
def test_a_mask_is_the_most_probable_class(tmp_path: Path) -> None:
    _, _, logits = seen(ROOM, "sa_unet")
    expected = logits[0].argmax(dim=0).numpy()
    asked = ("explain", ROOM, "--model", "sa_unet", "--map", "mask")
    assert told(*asked, "-o", tmp_path / "m.npy") == 0
    values = np.load(tmp_path / "m.npy")
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values, expected)
    assert told(*asked, "--render", "heatmap", "-o", tmp_path / "m.png") == 0
    picture = pixels_of(tmp_path / "m.png")
    times = picture.shape[0] // values.shape[0]
    np.testing.assert_array_equal(picture[::times, ::times], palette(2)[values])
    assert told(*asked, "-o", tmp_path / "o.png") == 0
    assert pixels_of(tmp_path / "o.png").shape == pixels_of(ROOM).shape


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("--map", "grid", "-o", "x.html"), "grid is written as a picture or as .npy", 2),
        (("--map", "grid", "--render", "raw16", "-o", "x.png"), "not for grid: overlay.", 2),
        (("--map", "mask", "-o", "x.png"), "does not answer with a mask", 1),
        (("--map", "mask", "--layer", "0", "-o", "x.png"), "--layer is for", 2),
    ],
)
def test_what_such_a_map_has_not(
    arguments: tuple[str, ...],
    said: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told("explain", DIGIT, "--model", "stn_digits", *arguments) == code
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
