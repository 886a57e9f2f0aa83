"""Masks → pictures: one colour for each class, transparent background, outlined so that shapes do
not depend on colour.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fovea.models.geometry import Geometry
from fovea.models.grids import PatchGrid
from fovea.server.wire.negotiation import PNG
from fovea.server.wire.outputs import colour_of
from fovea.server.wire.pictures import Pixels, assembled, encoded, shrunk, size_at, strips
from fovea.server.wire.render import (
    DIM_COLOUR,
    DIM_OPACITY,
    HEATMAP_PX,
    at_size,
    cells_of_pixels,
)

BORDER = (255, 255, 255)


def palette(classes: int) -> Pixels:
    """(class, 3): the colours."""
    colours = [bytes.fromhex(colour_of(index)[1:]) for index in range(classes)]
    return np.frombuffer(b"".join(colours), dtype=np.uint8).reshape(classes, 3)


def to_picture(
    classes: Pixels,
    photo: Pixels,
    geometry: Geometry,
    render: Literal["overlay", "heatmap"],
    opacity: float,
    media: str = PNG,
    width: int | None = None,
) -> bytes:
    """classes: (row, column), over the network's input. width: of an overlay, if smaller than the
    photo.
    """
    if render == "heatmap":
        size = max(1, HEATMAP_PX // max(classes.shape))
        enlarged = classes.repeat(size, 0).repeat(size, 1)
        return encoded(Image.fromarray(palette(int(classes.max()) + 1)[enlarged]), media)
    return encoded(overlay(classes, photo, geometry, opacity, width), media)


def overlay(
    classes: Pixels, photo: Pixels, geometry: Geometry, opacity: float, width: int | None = None
) -> Image.Image:
    """The photo with every class but the background tinted, borders in white, dimmed outside the
    network's input.
    """
    size = size_at(geometry.image_width, geometry.image_height, width)
    (rows, seen_y), (columns, seen_x) = cells_of_pixels(
        at_size(geometry, *size), PatchGrid(*classes.shape)
    )
    colours = palette(int(classes.max()) + 1)

    def strip(place: slice) -> Image.Image:
        part = shrunk(photo, *size, place)
        # With the next row, which may begin another class.
        wider = classes[rows[place.start : place.stop + 1, None], columns[None, :]]
        drawn = wider[: place.stop - place.start]
        tinted = Image.blend(part, Image.fromarray(colours[drawn]), opacity)
        dimmed = Image.blend(part, Image.new("RGB", part.size, DIM_COLOUR), DIM_OPACITY)
        part.paste(tinted, mask=Image.fromarray(drawn > 0))
        part.paste(BORDER, mask=Image.fromarray(borders(wider)[: len(drawn)]))
        dimmed.paste(part, mask=Image.fromarray(seen_y[place, None] & seen_x[None, :]))
        return dimmed

    return assembled(*size, (strip(place) for place in strips(size[1])))


def borders(drawn: Pixels) -> NDArray[np.bool_]:
    """(row, column): pixels whose right or lower neighbour is of another class."""
    found = np.zeros(drawn.shape, dtype=np.bool_)
    found[:-1] |= drawn[:-1] != drawn[1:]
    found[:, :-1] |= drawn[:, :-1] != drawn[:, 1:]
    return found
