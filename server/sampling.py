"""Sampling grids → pictures: the grid on the photo, its upper side marked, as the page draws it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from models.geometry import Geometry
from models.records import Site
from models.samplers import read_through
from server.analysis import Analysis
from server.errors import InvalidParameter
from server.render import Colormap, Pixels, Render, colormap, encode_png
from server.views import as_array, require, sampling_grid

INK, TOP = 0.68, 0.97
"""Where on the colour map the colours of the lines and of the upper side stand."""

HALO = (0, 0, 0, 160)
"""What sets them off from any photo."""

LINES = 14
"""At most so many lines each way."""

FINER = 2
"""Drawn this many times larger, then reduced: smooth lines."""

WIDTH = 1 / 300
"""Of a line, in shares of the photo's longer side; the outline is twice, its upper side four times
as wide.
"""

Points = NDArray[np.float64]


def points_on_photo(analysis: Analysis, site: Site) -> Points:
    """Where each cell of the sampler's output is read from: (row, column, xy), in photo pixels.

    A grid on what other transformers passed on is followed back through them: a point there was
    read at their θ·(x, y, 1) (Jaderberg et al. 2015, equation 1).
    """
    require(site, "spatial-transformer")
    _, geometry = analysis.view
    points = as_array(site.sampling.grid[0]).astype(np.float64)
    earlier = read_through(analysis.trace, site)
    for sampler in reversed(earlier):
        theta = as_array(sampler.sampling.theta[0]).astype(np.float64)
        points = points @ theta[:, :2].T + theta[:, 2]
    rows, columns = (earlier[0] if earlier else site).sampling.input.shape[2:]
    counts = np.array([columns, rows])
    shares = (points + 1) / 2
    if site.sampling.align_corners:  # -1 and 1 are the middles of the outer pixels
        shares = (shares * (counts - 1) + 0.5) / counts
    return on_photo(geometry, shares * [geometry.input_width, geometry.input_height])


def on_photo(geometry: Geometry, points: Points) -> Points:
    """Points on the network's input, (…, xy), as points on the photo."""
    origin = np.array(geometry.to_image(0, 0))
    across, down = (np.array(geometry.to_image(*unit)) - origin for unit in ((1, 0), (0, 1)))
    placed: Points = points[..., :1] * across + points[..., 1:] * down + origin
    return placed


def to_png(analysis: Analysis, site: Site, table: Colormap, render: Render | None = None) -> bytes:
    """The photo, pixel for pixel, with the grid on it; its sentence is in the text chunks.

    Raises InvalidParameter for another render than overlay.
    """
    if render not in (None, "overlay"):
        raise InvalidParameter(
            "A sampling grid is drawn on the photo and not by itself.",
            hint="Ask for grid/warped: what it reads.",
            valid=["overlay"],
        )
    photo, _ = analysis.view
    pixels = drawn(photo.pixels, points_on_photo(analysis, site), table)
    text = PngInfo()
    text.add_itxt("Description", sampling_grid(site).sentence)
    return encode_png(Image.fromarray(pixels), text)


def drawn(photo: Pixels, points: Points, table: Colormap) -> Pixels:
    """(pixel row, pixel column, 3): the photo with the lines through the points."""
    height, width = photo.shape[:2]
    ink, upper = (tuple(colormap(table)[round(255 * place)].tolist()) for place in (INK, TOP))
    layer = Image.new("RGBA", (width * FINER, height * FINER))
    draw = ImageDraw.Draw(layer)
    unit = max(1.0, max(width, height) * WIDTH) * FINER

    def line(through: Points, colour: tuple[int, ...], wide: float) -> None:
        corners = [tuple(point) for point in (through * FINER).tolist()]
        draw.line(corners, fill=colour, width=round(wide * unit), joint="curve")

    top, bottom = points[0], points[-1]
    outline = np.concatenate([top, points[:, -1], bottom[::-1], points[::-1, 0], top[:2]])
    inner = [points[row] for row in spread(len(points))]
    inner += [points[:, column] for column in spread(points.shape[1])]
    for through in inner:
        line(through, HALO, 2)
    line(outline, HALO, 4)
    for through in inner:
        line(through, ink, 1)
    line(outline, ink, 2)
    line(top, upper, 4)
    reduced = layer.resize((width, height), Image.Resampling.BOX)
    base = Image.fromarray(photo).convert("RGBA")
    result: Pixels = np.asarray(Image.alpha_composite(base, reduced).convert("RGB"))
    return result


def spread(count: int) -> list[int]:
    """At most LINES of the indices from 0 to count - 1, evenly, both ends included."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, LINES)).tolist()})
