"""Masks over a socket, checked against the network itself."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fovea.server.wire import outputs
from tests.server.asking import NPY, PNG, at, npy
from tests.server.conftest import Running
from tests.server.outputs.conftest import network_input
from tests.server.writers import WALLS, Writers, build


def test_a_mask_is_the_networks_own(
    site: Running, walls: dict[str, Any], pixels: np.ndarray
) -> None:
    expected = build(Writers().spec(WALLS))(network_input(pixels))[0].argmax(0).numpy()
    assert 0 < expected.mean() < 1
    mask = npy(site.client.get(at(walls, "/mask"), headers=NPY))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)
    counted = outputs.MaskCounts.model_validate(site.client.get(at(walls, "/mask")).json())
    assert [row.count for row in counted.classes] == [
        int((expected == index).sum()) for index in (0, 1)
    ]
    shares = [row["share"] for row in walls["output"]["classes"]]
    assert shares == pytest.approx([1 - expected.mean(), expected.mean()])
    assert walls["output"]["href"] == at(walls, "/mask")


def test_a_mask_is_drawn_where_it_is(
    site: Running, walls: dict[str, Any], pixels: np.ndarray
) -> None:
    mask = npy(site.client.get(at(walls, "/mask"), headers=NPY))
    colour = bytes.fromhex(walls["output"]["classes"][1]["colour"][1:])
    answer = site.client.get(at(walls, "/mask"), params={"opacity": 1}, headers=PNG)
    drawn = np.array(Image.open(io.BytesIO(answer.content)))
    assert drawn.shape == pixels.shape
    # 80 px high becomes 64, so 1.25 px a place; 120 px wide shows its middle 80.
    seen = drawn[:, 20:100]
    cells = ((np.arange(80) + 0.5) * 64 / 80).astype(int)
    places = mask[cells[:, None], cells[None, :]]
    wall = (seen == list(colour)).all(-1)
    white = (seen == 255).all(-1)
    assert (wall | white)[places == 1].all()
    same = (seen == pixels[:, 20:100]).all(-1)
    assert (same | white)[places == 0].all()
    assert (drawn[:, :20] < pixels[:, :20].max()).all()
    alone = site.client.get(at(walls, "/mask"), params={"render": "heatmap"}, headers=PNG)
    assert np.array(Image.open(io.BytesIO(alone.content))).shape == (512, 512, 3)


def test_a_network_without_a_mask_says_so(site: Running, caption: dict[str, Any]) -> None:
    answer = site.client.get(at(caption, "/mask"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")
