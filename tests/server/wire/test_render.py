"""Pictures: exact squares in exact colours on the exact pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from fovea.models.geometry import Geometry
from fovea.models.grids import PatchGrid
from fovea.server.answers.named_array import Array, NamedArray
from fovea.server.problems import InvalidParameter
from fovea.server.wire import render

SENTENCE = "Layer 0, head 0: what the class token looks at – α"
# A photo of 60 × 40 of which the network sees the middle 40 × 40, at half the size.
GEOMETRY = Geometry(60, 40, 20, 20, ((0.5, 0.0, -5.0), (0.0, 0.5, 0.0)))
PHOTO = np.full((40, 60, 3), 200, dtype=np.uint8)


def drawn(values: Array, **options: object) -> Image.Image:
    how = {"render": "overlay", "table": "viridis", "opacity": 1.0, **options}
    array = NamedArray(values, ("row", "column"), SENTENCE)
    return Image.open(io.BytesIO(render.to_picture(array, PHOTO, GEOMETRY, **how)))  # type: ignore[arg-type]


def test_the_colormaps_are_the_published_ones() -> None:
    ends = {
        "viridis": ((68, 1, 84), (253, 231, 37)),
        "inferno": ((0, 0, 4), (252, 255, 164)),
        "cividis": ((0, 34, 78), (254, 232, 56)),
        "magma": ((0, 0, 4), (252, 253, 191)),
    }
    for name, (low, high) in ends.items():
        table = render.colormap(name)  # type: ignore[arg-type]
        assert table.shape == (256, 3)
        np.testing.assert_allclose(table[[0, -1]], (low, high), atol=1)


def test_every_pixel_of_an_overlay_has_the_colour_of_its_cell() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    pixels = np.asarray(drawn(values))
    assert pixels.shape == (40, 60, 3)
    table, grid = render.colormap("viridis"), PatchGrid(4, 4)
    for y in range(40):
        for x in range(60):
            cell = GEOMETRY.cell_at(x + 0.5, y + 0.5, grid)
            if cell is not None:
                level = round(float(values[cell]) / 15 * 255)
                assert tuple(pixels[y, x]) == tuple(table[level]), (x, y)
            else:
                assert pixels[y, x].max() < 100  # dimmed


def test_opacity_mixes_with_the_photo() -> None:
    values = np.arange(4, dtype=np.float32).reshape(2, 2)
    assert tuple(np.asarray(drawn(values, opacity=0.0))[20, 30]) == (200, 200, 200)
    mixed = np.asarray(drawn(values, opacity=0.5))[5, 15].astype(int)
    assert np.abs(mixed - (np.array([68, 1, 84]) + 200) / 2).max() <= 1


def test_what_is_not_a_number_is_hatched_not_coloured() -> None:
    values = np.array([[0.0, 1.0], [np.nan, np.inf]], dtype=np.float32)
    pixels = np.asarray(drawn(values, render="heatmap"))
    below = pixels[pixels.shape[0] // 2 :].reshape(-1, 3)
    assert {tuple(colour) for colour in below} == {(70, 70, 70), (150, 150, 150)}
    assert tuple(pixels[0, 0]) == (68, 1, 84)
    assert tuple(pixels[0, -1]) == (253, 231, 37)  # infinity does not stretch the scale


@pytest.mark.parametrize("fill", [0.0, 0.3, np.nan])
def test_a_map_without_contrast(fill: float) -> None:
    for kind in ("overlay", "heatmap", "raw16"):
        assert drawn(np.full((3, 3), fill, np.float32), render=kind).size


def test_cells_of_a_heatmap_are_squares_of_whole_pixels() -> None:
    image = drawn(np.zeros((2, 7), np.float32), render="heatmap")
    assert image.size == (7 * 73, 2 * 73)


def test_the_picture_says_what_it_is_and_how_it_is_scaled() -> None:
    values = np.array([[0.25, 0.75]], dtype=np.float32)
    image = drawn(values, render="raw16")
    assert image.info["Description"] == SENTENCE
    assert "0.25 to 0.75" in image.info["Comment"]
    assert np.asarray(image).tolist() == [[0, 65535]]
    assert "viridis, from 0.25 to 0.75" in drawn(values).info["Comment"]


def test_only_a_map_over_places_is_laid_on_the_photo() -> None:
    for array in (
        NamedArray(np.zeros((3, 2, 2), np.float32), ("head", "row", "column"), ""),
        NamedArray(np.zeros((5, 5), np.float32), ("query", "key"), "", covers_input=False),
    ):
        with pytest.raises(InvalidParameter):
            render.to_picture(array, PHOTO, GEOMETRY, "overlay", "viridis", 0.5)
        assert render.to_picture(array, PHOTO, GEOMETRY, "heatmap", "viridis", 0.5)


def test_pictures_of_one_and_of_three_channels() -> None:
    grey = Image.open(io.BytesIO(render.picture(np.array([[[0.0, 0.5, 2.0, np.nan]]], np.float32))))
    assert np.asarray(grey).tolist() == [[0, 128, 255, 0]]
    colour = Image.open(io.BytesIO(render.picture(np.ones((3, 2, 2), np.float32))))
    assert (colour.mode, colour.size) == ("RGB", (2, 2))


def test_a_table_that_diverges_has_zero_in_its_middle() -> None:
    values = np.array([[-1.0, 0.0, 4.0]])
    drawn = render.heatmap(values, "coolwarm")
    size = drawn.shape[1] // 3
    minus, zero, plus = (tuple(drawn[0, size * at].tolist()) for at in range(3))
    assert render.scale(values, "coolwarm") == (-4.0, 4.0)
    assert zero == (221, 221, 221)  # Moreland 2009: neutral between (59, 76, 192) and (180, 4, 38)
    assert plus == (180, 4, 38)
    assert minus[2] > minus[0], "below zero is blue"
    assert render.scale(values, "viridis") == (-1.0, 4.0)
