"""Named arrays → pictures. Values are normalised only here, and the picture says how.

Colours run from the smallest to the largest finite value of this map; a diverging map has zero in
the middle. NaN is hatched, never coloured. Cells are drawn as exact squares, without smoothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fovea.models.geometry import Geometry, seen_along
from fovea.models.grids import Axis, PatchGrid
from fovea.server.answers.named_array import Array, NamedArray
from fovea.server.problems import InvalidParameter, NotAcceptable
from fovea.server.wire.negotiation import PNG
from fovea.server.wire.pictures import Pixels, assembled, encoded, shrunk, size_at, strips

Render = Literal["overlay", "heatmap", "raw16"]
Colormap = Literal["viridis", "inferno", "cividis", "magma", "coolwarm"]
DIVERGING: Colormap = "coolwarm"
"""Diverging colours: zero is in the middle."""

COLORMAPS_FILE = Path(__file__).with_name("colormaps.json")
HEATMAP_PX = 512

# How areas outside the input and NaN are drawn, as on the page.
DIM_COLOUR = (10, 11, 13)
DIM_OPACITY = 0.66
HATCH_PX = 4
HATCH_COLOURS = np.array([[70, 70, 70], [150, 150, 150]], dtype=np.uint8)


@cache
def colormap(name: Colormap) -> Pixels:
    """(256, 3): sRGB from low to high."""
    table = bytes.fromhex(json.loads(COLORMAPS_FILE.read_text("utf-8"))[name])
    return np.frombuffer(table, dtype=np.uint8).reshape(256, 3)


def to_picture(
    array: NamedArray,
    photo: Pixels | None,
    geometry: Geometry | None,
    render: Render,
    table: Colormap,
    opacity: float,
    media: str = PNG,
    width: int | None = None,
) -> bytes:
    """`array` as a picture, with sentence and scale embedded where the format allows.

    photo, geometry: what an overlay is laid on; None if the network read a sentence. width: of an
    overlay, if smaller than the photo.
    """
    low, high = scale(array.values, None if render == "raw16" else table)
    if render == "raw16":
        if media != PNG:
            raise NotAcceptable("Only PNG has 16 bits a pixel.", acceptable=[PNG])
        image = Image.fromarray(raw16(_plane(array.values)))
        legend = f"0 to 65535 stand for {low:.9g} to {high:.9g} (this map alone)"
    else:
        legend = f"{table}, from {low:.9g} to {high:.9g} (this map alone)"
        if render == "overlay":
            drawable = array.values.ndim == 2 and array.covers_input
            if not drawable or photo is None or geometry is None:
                raise InvalidParameter(
                    "Only one map over places can be laid on the photo.",
                    hint="Choose one head or a fusion, or render=heatmap.",
                    valid=["heatmap", "raw16"],
                )
            image = overlay(array.values, photo, geometry, table, opacity, width, array.grid)
        else:
            image = Image.fromarray(heatmap(_plane(array.values), table))
    return encoded(image, media, array.sentence, legend)


def scale(values: Array, table: Colormap | None = None) -> tuple[float, float]:
    """The values at both ends of the colours: the smallest and largest finite value, or for a
    diverging map ± the largest absolute value; (0, 0) if there is none.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 0.0
    low, high = float(finite.min()), float(finite.max())
    end = max(-low, high)
    return (-end, end) if table == DIVERGING else (low, high)


def _plane(values: Array) -> Array:
    """Two axes for a picture: a vector becomes a row, maps of several heads are tiled."""
    if values.ndim == 1:
        return values[None]
    if values.ndim == 2:
        return values
    maps = values.reshape(-1, *values.shape[-2:])
    across = int(np.ceil(np.sqrt(len(maps))))
    blank = np.full((-len(maps) % across, *maps.shape[1:]), np.nan, dtype=maps.dtype)
    tiles = np.concatenate([maps, blank]).reshape(-1, across, *maps.shape[1:])
    return tiles.swapaxes(1, 2).reshape(tiles.shape[0] * maps.shape[1], -1)


def _levels(values: Array, top: int, table: Colormap | None = None) -> NDArray[np.uint16]:
    """Each value as a level 0…top between the ends of the scale; non-finite values have none."""
    low, high = scale(values, table)
    span = (high - low) or 1.0
    share = (np.where(np.isfinite(values), values, low).astype(np.float64) - low) / span
    return np.rint(share * top).astype(np.uint16)


def picture(values: Array) -> bytes:
    """(channel, row, column) in 0…1 as a PNG: one channel is grey, three are sRGB."""
    finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    pixels = np.rint(finite.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return encoded(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def photograph(photo: Pixels, media: str, width: int | None = None) -> bytes:
    """The photo without its metadata; image/png is exact."""
    return encoded(resized(photo, width), media)


def resized(photo: Pixels, width: int | None) -> Image.Image:
    """The photo, resized if a width is given."""
    size = size_at(photo.shape[1], photo.shape[0], width)
    return assembled(*size, (shrunk(photo, *size, rows) for rows in strips(size[1])))


def raw16(values: Array) -> NDArray[np.uint16]:
    """(row, column) with one pixel for each cell, 16-bit grey."""
    return _levels(values, 65535)


def _coloured(
    values: Array,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    table: Colormap,
    top: int = 0,
) -> Pixels:
    """(pixel row, pixel column, 3): each pixel in the colour of its cell (rows[y], columns[x]).

    top: index of the first pixel row, so that hatching is continuous across strips.
    """
    cells = colormap(table)[_levels(values, 255, table)]
    # A row of cells is coloured once, however many pixel rows it has.
    used, row_of = np.unique(rows, return_inverse=True)
    pixels: Pixels = cells[used][:, columns][row_of]
    broken = ~np.isfinite(values)
    if broken.any():
        y, x = top + np.arange(len(rows))[:, None], np.arange(len(columns))[None, :]
        stripes = HATCH_COLOURS[(x + y) // HATCH_PX % 2]
        pixels = np.where(broken[rows[:, None], columns[None, :], None], stripes, pixels)
    return pixels


def heatmap(values: Array, table: Colormap) -> Pixels:
    """(pixel row, pixel column, 3): the map alone, each cell a square of whole pixels."""
    rows, columns = values.shape
    size = max(1, HEATMAP_PX // max(rows, columns))
    return _coloured(
        values, np.repeat(np.arange(rows), size), np.repeat(np.arange(columns), size), table
    )


def overlay(
    values: Array,
    photo: Pixels,
    geometry: Geometry,
    table: Colormap,
    opacity: float,
    width: int | None = None,
    grid: PatchGrid | None = None,
) -> Image.Image:
    """The map on the photo, dimmed outside the network's input: beyond the crop and at edges
    without a full patch. width: as in `to_picture`. grid: position of the cells, if they do not
    divide the input evenly.
    """
    grid = grid or PatchGrid(*values.shape)
    size = size_at(geometry.image_width, geometry.image_height, width)
    (rows, seen_y), (columns, seen_x) = cells_of_pixels(at_size(geometry, *size), grid)
    left, right = np.flatnonzero(seen_x)[[0, -1]]
    across = slice(int(left), int(right) + 1)

    def strip(place: slice) -> Image.Image:
        part = shrunk(photo, *size, place)
        shown = np.flatnonzero(seen_y[place])
        dimmed = Image.blend(part, Image.new("RGB", part.size, DIM_COLOUR), DIM_OPACITY)
        if len(shown):
            down = slice(int(shown[0]), int(shown[-1]) + 1)
            colours = _coloured(
                values, rows[place][down], columns[across], table, place.start + down.start
            )
            over = Image.fromarray(colours)
            under = part.crop((across.start, down.start, across.stop, down.stop))
            dimmed.paste(Image.blend(under, over, opacity), (across.start, down.start))
        return dimmed

    return assembled(*size, (strip(place) for place in strips(size[1])))


def at_size(geometry: Geometry, width: int, height: int) -> Geometry:
    """The input's place on the photo when that is drawn at another size."""
    across, down = geometry.image_width / width, geometry.image_height / height
    first, second = ((a * across, b * down, c) for a, b, c in geometry.image_to_input)
    return replace(geometry, image_width=width, image_height=height, image_to_input=(first, second))


def cells_of_pixels(
    geometry: Geometry, grid: PatchGrid
) -> tuple[tuple[NDArray[np.intp], NDArray[np.bool_]], tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """For the rows and columns of the photo: (cell index, whether the network saw it).

    The centre of a pixel decides. Resize and crop are axis-aligned, so two vectors suffice.
    """
    (a, _, c), (_, e, f) = geometry.image_to_input
    x = a * (np.arange(geometry.image_width) + 0.5) + c
    y = e * (np.arange(geometry.image_height) + 0.5) + f
    down, across = geometry.axes(grid)
    return (
        _cells(y, geometry.input_height, down, grid.rows),
        _cells(x, geometry.input_width, across, grid.columns),
    )


def _cells(
    position: NDArray[np.floating], length: int, axis: Axis, cells: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    start, end = seen_along(axis, cells, length)
    index = np.floor((position - axis.origin) / axis.stride).astype(np.intp)
    return index.clip(0, cells - 1), (position >= start) & (position < end)
