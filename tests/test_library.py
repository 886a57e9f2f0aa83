"""docs/library.md does what it says: its blocks run, one after another, and give the real thing."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import fovea
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.grids import PatchGrid
from fovea.models.maps.gradients import gradient_rollout, relevance
from fovea.models.maps.rollout import rollout
from fovea.models.running.inference import run, run_for_class
from fovea.server.wire import render

declare_missing_operators()

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/library.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's blocks leave behind, pasted one after another in an empty folder."""
    folder = tmp_path_factory.mktemp("notebook")
    torch.manual_seed(0)
    space: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.chdir(folder)
        for number, block in enumerate(BLOCKS):
            exec(compile(block, f"docs/library.md, block {number}", "exec"), space)
    space["folder"] = folder
    return space


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_the_first_five_lines_give_rollout(shown: dict[str, Any]) -> None:
    """Against the product of matrices in double precision (docs/maps.md)."""
    product = torch.eye(197, dtype=torch.float64)
    for site in shown["trace"].sites:
        held = site.attention
        scores = held.query[0].double() @ held.key[0].double().transpose(-1, -2) * held.scale
        fused = scores.softmax(-1).mean(0) + torch.eye(197, dtype=torch.float64)
        product = fused / fused.sum(-1, keepdim=True) @ product
    values = rollout(shown["trace"]).values
    assert values.shape == (14, 14)
    close(values.double().flatten(), product[0, 1:])


def test_rows_of_the_page(shown: dict[str, Any]) -> None:
    assert shown["row"].values.shape == shown["column"].values.shape == (14, 14)
    assert shown["heads"].values.shape == (3, 14, 14)
    assert float(shown["row"].values.sum() + shown["row"].prefix.sum()) == pytest.approx(
        1, abs=1e-5
    )


def test_a_class_of_the_page_is_that_of_the_server(shown: dict[str, Any]) -> None:
    model, photos = shown["model"], shown["photos"]
    logits, trace = run_for_class(model, photos, 285)
    close(shown["cat"].values, relevance(trace).values)
    _, best = run_for_class(model, photos, int(logits.argmax()))
    close(shown["best"].values, relevance(best).values)
    assert not torch.equal(shown["cat"].values, shown["best"].values)
    largest = float(shown["cat"].values.max())
    assert (shown["lean"].values - shown["cat"].values).abs().max() < 1e-4 * largest
    assert shown["layers"].values.shape == (14, 14)
    assert shown["importance"].values.shape == (3, 3)
    assert gradient_rollout(trace).values.shape == shown["both"].values.shape


def test_the_batch_of_the_page(shown: dict[str, Any]) -> None:
    _, (mirrored,) = run(shown["model"], shown["photos"].flip(-1))
    close(shown["first"].values, rollout(shown["trace"]).values)
    close(shown["second"].values, rollout(mirrored).values)
    _, trace = run_for_class(shown["model"], shown["photos"].flip(-1), 285)
    close(shown["mirrored"].values, relevance(trace).values)


def test_the_network_of_the_page_knows_its_places(shown: dict[str, Any]) -> None:
    (site,) = shown["seen"].sites
    assert (site.name, site.grid, site.heads) == ("attend", PatchGrid(6, 10), 4)
    assert shown["evidence"].values.shape == (6, 10)
    assert shown["evidence"].values.max() > 0


def test_the_photo_of_the_page(shown: dict[str, Any]) -> None:
    vit, folder = shown["vit"], shown["folder"]
    assert vit.spec.label(int(shown["scores"].argmax())) == "sunflower"
    found = rollout(shown["flower"])
    values = found.values.numpy()
    assert np.array_equal(np.load(folder / "sunflower.npy"), values)
    drawn = np.asarray(Image.open(folder / "sunflower.png"))
    assert drawn.shape == shown["photo"].shape
    geometry = shown["geometry"]
    expected = render.overlay(values, shown["photo"], geometry, "magma", 0.5, grid=found.grid)
    assert np.array_equal(drawn, expected)
    # What the network did not see is dimmed, the same whatever the map is.
    left = int(geometry.crop[0])
    assert drawn[:, : left - 1].max() < shown["photo"][:, : left - 1].max()


def test_the_steps_of_the_page_end_behind_the_output_matrix(shown: dict[str, Any]) -> None:
    last = shown["step"]
    assert (last.name, last.module) == ("projected", "blocks.3.attention.output")
    site = next(site for site in shown["flower"].sites if site.id == "s08")
    assert site.name == "blocks.3.attention"


def test_every_name_of_the_page_is_there() -> None:
    imported = {
        name for line in re.findall(r"from fovea import (.+)", PAGE) for name in line.split(", ")
    }
    table = PAGE.split("## What else there is")[1].split("\n\n")[1]
    named = set(re.findall(r"`(\w+)`", table))
    assert imported | named <= set(fovea.__all__)
    assert all(hasattr(fovea, name) for name in fovea.__all__)


# What the page leaves out ------------------------------------------------------------------------


def test_photos_in_every_form_are_the_same_photo() -> None:
    file = ROOT / "frontend/samples/stop_sign.jpg"
    pixels = fovea.read_photo(file)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    for form in (str(file), Image.fromarray(pixels), pixels, tensor):
        assert np.array_equal(fovea.read_photo(form), pixels)


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("no photo")
    with pytest.raises(ValueError, match=r"note\.jpg: This is none of the accepted formats"):
        fovea.read_photo(tmp_path / "note.jpg")
    with pytest.raises(ValueError, match="a normalised input is no photo"):
        fovea.read_photo(torch.randn(3, 8, 8))
    with pytest.raises(FileNotFoundError):
        fovea.read_photo(tmp_path / "missing.jpg")


def test_a_whole_photo_is_covered_by_its_map() -> None:
    photo = np.full((60, 90, 3), 100, np.uint8)
    values = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, float("nan")]])
    drawn = np.asarray(fovea.overlay(values, photo, opacity=1.0))
    colours = render.colormap("viridis")
    assert (drawn[:30, :30] == colours[0]).all()
    assert (drawn[30:, 30:60] == colours[255]).all()
    hatched = {tuple(pixel) for pixel in drawn[30:, 60:].reshape(-1, 3)}
    assert hatched == {tuple(colour) for colour in render.HATCH_COLOURS}
    assert fovea.heatmap(values).size[0] > 3


def test_one_map_is_drawn_at_a_time() -> None:
    photo = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="one map over places"):
        fovea.overlay(torch.zeros(3, 4, 4), photo)
    with pytest.raises(ValueError, match=r"unknown colormap 'jet'; valid: viridis"):
        fovea.heatmap(torch.zeros(4, 4), colormap="jet")


def test_the_samples_that_ship() -> None:
    assert np.array_equal(
        fovea.sample("chelsea"), fovea.read_photo(ROOT / "frontend/samples/chelsea.jpg")
    )
    with pytest.raises(LookupError, match=r"valid: .*sunflower"):
        fovea.sample("sun")


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(LookupError, match="vit, tnt, se_resnet"):
        fovea.load("vitt")
