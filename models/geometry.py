"""Coordinate transforms between photo, network input and tokens.

Points are (x, y) in pixel-edge coordinates: pixel (row, column) covers the square from (column,
row) to (column + 1, row + 1), so a photo spans exactly 0…width by 0…height and resizing is a pure
scale. Cells and tokens are (row, column), counted from 0. `frontend/geometry.js` implements the
same in JavaScript; one table of cases, tests/data/geometry_cases.json, tests both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fovea.models.grids import Axis, PatchGrid

Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
"""2×3: (x, y) → (a·x + b·y + c, d·x + e·y + f)."""


def apply(affine: Affine, x: float, y: float) -> tuple[float, float]:
    """The image of the point (x, y)."""
    (a, b, c), (d, e, f) = affine
    return a * x + b * y + c, d * x + e * y + f


def inverse(affine: Affine) -> Affine:
    """The inverse affine map; raises ZeroDivisionError if there is none."""
    (a, b, c), (d, e, f) = affine
    det = a * e - b * d
    return (e / det, -b / det, (b * f - c * e) / det), (-d / det, a / det, (c * d - a * f) / det)


def upright(orientation: int, width: int, height: int) -> Affine:
    """Maps the stored pixels of a photo of `width` by `height` to the upright photo.

    orientation: the EXIF tag 0x0112, 1…8 (CIPA DC-008, 4.6.4); anything else raises ValueError.
    """
    w, h = float(width), float(height)
    table: dict[int, Affine] = {
        1: ((1, 0, 0), (0, 1, 0)),
        2: ((-1, 0, w), (0, 1, 0)),
        3: ((-1, 0, w), (0, -1, h)),
        4: ((1, 0, 0), (0, -1, h)),
        5: ((0, 1, 0), (1, 0, 0)),
        6: ((0, -1, h), (1, 0, 0)),
        7: ((0, -1, h), (-1, 0, w)),
        8: ((0, 1, 0), (-1, 0, w)),
    }
    if orientation not in table:
        raise ValueError(f"EXIF orientation is 1…8, not {orientation}")
    return table[orientation]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Maps the upright photo to the network's input.

    image_to_input: resize and crop as one affine map. orientation: EXIF orientation of the stored
    pixels, 1…8; `image_width` and `image_height` are those of the upright photo.
    """

    image_width: int
    image_height: int
    input_width: int
    input_height: int
    image_to_input: Affine
    orientation: int = 1

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """A point on the photo as a point on the network's input; outside of it if it was cropped
        away.
        """
        return apply(self.image_to_input, x, y)

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """A point on the network's input as a point on the photo."""
        return apply(inverse(self.image_to_input), x, y)

    def from_stored(self, x: float, y: float) -> tuple[float, float]:
        """A point on the pixels as stored in the file as a point on the upright photo."""
        stored = (self.image_width, self.image_height)
        if self.orientation >= 5:
            stored = stored[::-1]
        return apply(upright(self.orientation, *stored), x, y)

    @property
    def crop(self) -> tuple[float, float, float, float]:
        """The network's crop (left, top, right, bottom) on the photo, in photo pixels."""
        left, top = self.to_image(0, 0)
        right, bottom = self.to_image(self.input_width, self.input_height)
        return left, top, right, bottom

    def axes(self, grid: PatchGrid) -> tuple[Axis, Axis]:
        """The axes of a grid's rows and columns on the network's input; by default it divides the
        input evenly.
        """
        if grid.axes is not None:
            return grid.axes[-2], grid.axes[-1]
        height, width = self.input_height / grid.rows, self.input_width / grid.columns
        return Axis(0.0, height, height), Axis(0.0, width, width)

    def cell_at(self, x: float, y: float, grid: PatchGrid) -> tuple[int, int] | None:
        """The (row, column) of the cell under a point on the photo; among overlapping cells the
        nearest. None where the network did not look: outside the crop and where no patch fitted.
        """
        u, v = self.to_input(x, y)
        down, across = self.axes(grid)
        row = _cell_along(down, v, grid.rows, self.input_height)
        column = _cell_along(across, u, grid.columns, self.input_width)
        return None if row is None or column is None else (row, column)

    def cell_box(self, row: int, column: int, grid: PatchGrid) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of a cell on the photo, in photo pixels: one stride in each
        direction, so that neighbours touch; `seen_box` is its receptive area.
        """
        down, across = self.axes(grid)
        return self._box(across.cell(column), down.cell(row))

    def seen_box(self, row: int, column: int, grid: PatchGrid) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) on the photo of the area that a cell was computed from, in
        photo pixels; larger than `cell_box` if patches overlap.
        """
        down, across = self.axes(grid)
        (left, right), (top, bottom) = across.seen(column), down.seen(row)
        width, height = self.input_width, self.input_height
        return self._box((max(0, left), min(width, right)), (max(0, top), min(height, bottom)))

    def _box(
        self, across: tuple[float, float], down: tuple[float, float]
    ) -> tuple[float, float, float, float]:
        left, top = self.to_image(across[0], down[0])
        right, bottom = self.to_image(across[1], down[1])
        return left, top, right, bottom


def seen_along(axis: Axis, cells: int, length: float) -> tuple[float, float]:
    """(start, end) of the area that the cells along an axis cover, in pixels of an input of that
    length.
    """
    return max(0.0, axis.seen(0)[0]), min(float(length), axis.seen(cells - 1)[1])


def _cell_along(axis: Axis, position: float, cells: int, length: float) -> int | None:
    start, end = seen_along(axis, cells, length)
    # Rounding in the affine map can move a point inside an edge onto it.
    if not start - 1e-9 <= position < end or position < 0:
        return None
    index = math.floor((position - axis.origin) / axis.stride)
    return min(max(index, 0), cells - 1)


def token_of(row: int, column: int, grid: PatchGrid, prefix_tokens: int, layer: int = 0) -> int:
    """The index of a cell's token; raises IndexError outside the grid.

    layer: along the depth of a video or volume.
    """
    inside = 0 <= row < grid.rows and 0 <= column < grid.columns and 0 <= layer < grid.depth
    if not inside:
        raise IndexError(f"cell ({row}, {column}) is outside {grid.rows}×{grid.columns}")
    return prefix_tokens + (layer * grid.rows + row) * grid.columns + column


def cell_of(
    token: int, grid: PatchGrid, prefix_tokens: int, suffix_tokens: int = 0
) -> tuple[int, ...] | None:
    """The (row, column) of a token, with a depth (layer, row, column); None for a token before or
    after the patches, IndexError beyond the last.
    """
    tokens = prefix_tokens + grid.cells + suffix_tokens
    if not 0 <= token < tokens:
        raise IndexError(f"token {token} is outside 0…{tokens - 1}")
    cell = token - prefix_tokens
    if not 0 <= cell < grid.cells:
        return None
    line, column = divmod(cell, grid.columns)
    return (line, column) if grid.depth == 1 else (*divmod(line, grid.rows), column)
