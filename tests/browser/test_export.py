"""The saved picture: what it must hold besides the map, and a legend that can be read."""

from __future__ import annotations

import io
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from fovea.server.wire.render import Colormap, colormap
from tests.browser.conftest import Watched
from tests.browser.looking import analysis_of

pytestmark = pytest.mark.browser

WHITE = 255


def saved(page: Page, folder: Path) -> NDArray[np.int64]:
    """(row, column, 3): the picture that `e` saves."""
    with page.expect_download() as download:
        page.keyboard.press("e")
    target = folder / "export.png"
    download.value.save_as(target)
    with Image.open(target) as picture:
        return np.array(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("view", "table"),
    [
        ("sample=sunflower&model=vit&method=rollout", "viridis"),
        ("sample=sunflower&model=vit&head=0", "viridis"),
        ("sample=chelsea&model=se_resnet", "coolwarm"),  # a feature map has both signs
        ("sample=sunflower&model=vit&method=positions", "coolwarm"),
        ("model=text_transformer", "viridis"),
    ],
)
def test_the_legends_numbers_are_not_printed_over(
    watched: Watched, tmp_path: Path, view: str, table: Colormap
) -> None:
    picture = saved(watched.open(f"?{view}&colormap=viridis"), tmp_path)
    first_colour = colormap(table)[0].astype(int)
    first = (np.abs(picture - first_colour).max(-1) == 0).sum(0)
    bars = np.flatnonzero((picture[:, :, None] == first_colour).all(-1).any((1, 2)))
    assert first.any()
    # The bar's first columns are the only twelve rows of exactly that colour below the picture.
    bottom = picture[bars.max() - 5 :]
    start = int(np.flatnonzero((bottom[0] == first_colour).all(-1))[0])
    line = picture[bars.max() - 11 : bars.max() + 1]
    assert (line[:, start - 6 : start] == WHITE).all(), "something is printed into the bar"
    assert (line[:, 16 : start - 6] < 128).any(), "the smallest value stands before it"


def test_a_spatial_transformers_grid_and_what_it_read_are_saved(
    watched: Watched, tmp_path: Path
) -> None:
    page = watched.open("?sample=digit_turned&model=stn_digits&site=s01")
    expect(page.locator("#sentence")).to_contain_text("Spatial transformer")
    picture = saved(page, tmp_path)
    path = f"{watched.server}/v1/analyses/{analysis_of(page)}"
    with urllib.request.urlopen(f"{path}/image") as answer:
        photo = Image.open(io.BytesIO(answer.read())).convert("RGB")
    request = urllib.request.Request(
        f"{path}/sites/s01/grid/warped", headers={"Accept": "image/png"}
    )
    with urllib.request.urlopen(request) as answer:
        warped = Image.open(io.BytesIO(answer.read())).convert("RGB")
    scale = max(1, -(-480 // photo.width))
    width, height = photo.width * scale, photo.height * scale
    side = height * warped.width // warped.height
    assert picture.shape[1] >= width + 16 + side
    beside = picture[:height, width + 16 : width + 16 + side]
    wanted = np.array(warped.resize((side, height), Image.Resampling.NEAREST)).astype(int)
    assert np.median(np.abs(beside - wanted)) == 0
    assert np.abs(beside - wanted).mean() < 3
    ours = np.array(photo.resize((width, height), Image.Resampling.BILINEAR)).astype(int)
    drawn = (np.abs(picture[:height, :width] - ours).max(-1) > 60).mean()
    assert 0.02 < drawn < 0.6, "lines lie on the photo"
