"""Sampling grids → pictures: the grid on the photo with its upper side marked, as on the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fovea.models.geometry import Geometry
from fovea.models.kinds.warp.chain import points_read, read_through
from fovea.models.records import Site
from fovea.server.answers.views import sampling_grid
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import InvalidParameter
from fovea.server.wire.negotiation import PNG
from fovea.server.wire.pictures import encoded
from fovea.server.wire.render import Colormap, Render, colormap, resized

INK, TOP = 0.68, 0.97
"""Positions of the line and upper-side colours on the colour map."""

HALO, HALO_ALPHA = (0, 0, 0), 160
"""Outline that contrasts with any photo."""

LINES = 14
"""Maximum lines in each direction."""

FINER = 2
"""Supersampling factor for smooth lines."""

SMOOTHED_PIXELS = 8_000_000
"""Larger photos are drawn without supersampling, which takes memory."""

WIDTH = 1 / 300
"""Line width as a fraction of the photo's longer side; the outline is twice, the upper side four
times as wide.
"""

Points = NDArray[np.float64]


def points_on_photo(analysis: Analysis, site: Site) -> Points:
    """The source point of each output cell: (row, column, xy), in photo pixels.

    A grid on the output of other samplers is traced back through them.
    """
    _, geometry = analysis.view
    earlier = [one.sampling for one in read_through(analysis.trace, site)]
    shares = points_read(site.sampling, earlier).cpu().numpy()
    return on_photo(geometry, shares * [geometry.input_width, geometry.input_height])


def on_photo(geometry: Geometry, points: Points) -> Points:
    """Points on the network's input, (…, xy), as points on the photo."""
    origin = np.array(geometry.to_image(0, 0))
    across, down = (np.array(geometry.to_image(*unit)) - origin for unit in ((1, 0), (0, 1)))
    placed: Points = points[..., :1] * across + points[..., 1:] * down + origin
    return placed


def to_picture(
    analysis: Analysis,
    site: Site,
    table: Colormap,
    render: Render | None = None,
    media: str = PNG,
    width: int | None = None,
) -> bytes:
    """The photo with the grid on it, at full size unless a smaller `width` is given.

    Raises InvalidParameter for any render but overlay.
    """
    if render not in (None, "overlay"):
        raise InvalidParameter(
            "A sampling grid is drawn on the photo and not by itself.",
            hint="Ask for grid/warped: what it reads.",
            valid=["overlay"],
        )
    photo, _ = analysis.view
    under = resized(photo.pixels, width)
    points = points_on_photo(analysis, site) * (under.width / photo.width)
    return encoded(drawn(under, points, table), media, sampling_grid(site).sentence)


def drawn(result: Image.Image, points: Points, table: Colormap) -> Image.Image:
    """The photo with lines through the points."""
    width, height = result.size
    finer = FINER if width * height <= SMOOTHED_PIXELS else 1
    unit = max(1.0, max(width, height) * WIDTH) * finer
    ink, upper = (tuple(colormap(table)[round(255 * place)].tolist()) for place in (INK, TOP))

    def stroke(lines: Sequence[tuple[Points, float]], colour: tuple[int, ...], alpha: int) -> None:
        # A single coverage plane saves a second picture in colours.
        covered = Image.new("L", (width * finer, height * finer))
        draw = ImageDraw.Draw(covered)
        for through, wide in lines:
            corners = [tuple(point) for point in (through * finer).tolist()]
            draw.line(corners, fill=alpha, width=round(wide * unit), joint="curve")
        if finer > 1:
            covered = covered.reduce(finer)
        result.paste(colour, mask=covered)

    top, bottom = points[0], points[-1]
    outline = np.concatenate([top, points[:, -1], bottom[::-1], points[::-1, 0], top[:2]])
    inner = [points[row] for row in spread(len(points))]
    inner += [points[:, column] for column in spread(points.shape[1])]
    stroke([*((through, 2.0) for through in inner), (outline, 4.0)], HALO, HALO_ALPHA)
    stroke([*((through, 1.0) for through in inner), (outline, 2.0)], ink, 255)
    stroke([(top, 4.0)], upper, 255)
    return result


def spread(count: int) -> list[int]:
    """At most LINES indices from 0 to count - 1, evenly spaced, both ends included."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, LINES)).tolist()})
