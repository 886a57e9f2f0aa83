"""The table of cases that frontend/geometry.js is tested with too, and golden pixels through
Pillow.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from fovea.models.geometry import Geometry, apply, cell_of, inverse, token_of, upright
from fovea.models.grids import Axis, PatchGrid
from fovea.models.preprocessing import Preprocessing, locate, prepare

CASES = json.loads((Path(__file__).parents[1] / "data" / "geometry_cases.json").read_text("utf-8"))


def preprocessing_of(case: dict) -> Preprocessing:
    entry = case["preprocessing"]
    return Preprocessing(
        resize_px=entry["resize_px"],
        crop_px=tuple(entry["crop_px"]),
        interpolation="bicubic",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        fit=entry["fit"],
    )


def geometry_of(case: dict) -> Geometry:
    width, height = case["image"]
    return locate(width, height, preprocessing_of(case), case["orientation"])


def grid_of(case: dict) -> PatchGrid:
    grid = case["grid"]
    if "origin" not in grid:
        return PatchGrid(**grid)
    axes = zip(grid["origin"], grid["stride"], grid["extent"], strict=True)
    return PatchGrid(grid["rows"], grid["columns"], axes=tuple(Axis(*one) for one in axes))


@pytest.fixture(params=CASES, ids=[case["name"] for case in CASES])
def case(request: pytest.FixtureRequest) -> dict:
    return request.param


def test_affine_and_crop(case: dict) -> None:
    geometry = geometry_of(case)
    np.testing.assert_allclose(geometry.image_to_input, case["image_to_input"], atol=1e-9)
    np.testing.assert_allclose(geometry.crop, case["crop"], atol=1e-9)


def test_points_there_and_back(case: dict) -> None:
    geometry, grid = geometry_of(case), grid_of(case)
    for point in case["points"]:
        image = geometry.from_stored(*point["stored"])
        assert image == pytest.approx(point["image"])
        assert geometry.to_input(*image) == pytest.approx(point["input"])
        assert geometry.to_image(*point["input"]) == pytest.approx(point["image"])
        cell = geometry.cell_at(*image, grid)
        assert (None if cell is None else list(cell)) == point["cell"]
        if cell is not None:
            assert token_of(*cell, grid, case["prefix_tokens"]) == point["token"]
            assert cell_of(point["token"], grid, case["prefix_tokens"]) == cell


def test_boxes(case: dict) -> None:
    geometry, grid = geometry_of(case), grid_of(case)
    for box in case["boxes"]:
        assert geometry.cell_box(*box["cell"], grid) == pytest.approx(box["image"])
    for box in case.get("seen", []):
        assert geometry.seen_box(*box["cell"], grid) == pytest.approx(box["image"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_moves_points_where_pillow_moves_pixels(orientation: int) -> None:
    stored = np.arange(20, dtype=np.uint8).reshape(4, 5)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    seen = np.asarray(ImageOps.exif_transpose(image))
    affine = upright(orientation, width=5, height=4)
    for row in range(4):
        for column in range(5):
            x, y = apply(affine, column + 0.5, row + 0.5)
            assert seen[int(y), int(x)] == stored[row, column]


def test_unknown_orientation_is_refused() -> None:
    with pytest.raises(ValueError, match="1…8"):
        upright(9, 5, 4)


def test_inverse_undoes_any_affine() -> None:
    affine = ((0.8, 0.3, -20.0), (-0.1, 1.2, 7.0))
    assert apply(inverse(affine), *apply(affine, 12.5, -3.0)) == pytest.approx((12.5, -3.0))


def test_prefix_tokens_have_no_place() -> None:
    grid = PatchGrid(2, 3)
    assert [cell_of(token, grid, 2) for token in range(4)] == [None, None, (0, 0), (0, 1)]
    with pytest.raises(IndexError):
        cell_of(8, grid, 2)
    assert [cell_of(token, grid, 2, 3) for token in (7, 8, 10)] == [(1, 2), None, None]
    with pytest.raises(IndexError):
        cell_of(11, grid, 2, 3)
    with pytest.raises(IndexError):
        token_of(2, 0, grid, 2)


def test_a_volume_has_a_third_coordinate() -> None:
    grid = PatchGrid(2, 3, depth=4)
    for layer in range(4):
        for row in range(2):
            for column in range(3):
                token = token_of(row, column, grid, 1, layer)
                assert cell_of(token, grid, 1) == (layer, row, column)
    assert token == grid.cells == 24
    with pytest.raises(IndexError):
        token_of(0, 0, grid, 1, 4)


def test_the_input_shows_what_the_geometry_says() -> None:
    """One bright square on a photo must light up the cell that `cell_at` names, and no far one."""
    preprocessing = Preprocessing(150, (112, 112), "bicubic", (0.0,) * 3, (1.0,) * 3)
    photo = torch.zeros(3, 300, 400, dtype=torch.uint8)
    photo[:, 70:100, 250:280] = 255
    pixels, geometry = prepare(photo, preprocessing)
    grid = PatchGrid(7, 7)
    light = pixels[0, 0].reshape(7, 16, 7, 16).mean((1, 3))
    row, column = divmod(int(light.argmax()), 7)
    assert geometry.cell_at(265, 85, grid) == (row, column)
    assert light[6, 0] == 0
