"""Masks → pictures: one colour a class, the background clear, borders drawn so that shape does not
hang on colour.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fovea.models.geometry import Geometry
from fovea.models.records import PatchGrid
from fovea.server.wire.outputs import colour_of
from fovea.server.wire.render import (
    DIM_COLOUR,
    DIM_OPACITY,
    HEATMAP_PX,
    Pixels,
    cells_of_pixels,
    encode_png,
    mix,
)

BORDER = np.array([255, 255, 255], dtype=np.uint8)


def palette(classes: int) -> Pixels:
    """(class, 3): their colours."""
    colours = [bytes.fromhex(colour_of(index)[1:]) for index in range(classes)]
    return np.frombuffer(b"".join(colours), dtype=np.uint8).reshape(classes, 3)


def to_png(
    classes: Pixels,
    photo: Pixels,
    geometry: Geometry,
    render: Literal["overlay", "heatmap"],
    opacity: float,
) -> bytes:
    """classes: (row, column), over the network's input."""
    if render == "heatmap":
        size = max(1, HEATMAP_PX // max(classes.shape))
        enlarged = classes.repeat(size, 0).repeat(size, 1)
        return encode_png(Image.fromarray(palette(int(classes.max()) + 1)[enlarged]))
    return encode_png(Image.fromarray(overlay(classes, photo, geometry, opacity)))


def overlay(classes: Pixels, photo: Pixels, geometry: Geometry, opacity: float) -> Pixels:
    """(pixel row, pixel column, 3): the photo, all but the background tinted, borders in white."""
    (rows, seen_y), (columns, seen_x) = cells_of_pixels(geometry, PatchGrid(*classes.shape))
    drawn = classes[rows[:, None], columns[None, :]]
    colours = palette(int(classes.max()) + 1)[drawn]
    seen = seen_y[:, None] & seen_x[None, :]
    tinted = mix(photo, colours, opacity)
    result = np.where((drawn > 0)[..., None], tinted, photo)
    result[borders(drawn)] = BORDER
    dimmed: Pixels = np.where(seen[..., None], result, mix(photo, DIM_COLOUR, DIM_OPACITY))
    return dimmed


def borders(drawn: Pixels) -> NDArray[np.bool_]:
    """(row, column): pixels whose neighbour to the right or below is of another class."""
    found = np.zeros(drawn.shape, dtype=np.bool_)
    found[:-1] |= drawn[:-1] != drawn[1:]
    found[:, :-1] |= drawn[:, :-1] != drawn[:, 1:]
    return found
