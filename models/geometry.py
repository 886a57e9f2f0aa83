"""Where on the photo: one record between a point on the photo, a point on the network's input and
a token.

Points are (x, y) in pixel-edge coordinates: pixel (row, column) covers the square from (column,
row) to (column + 1, row + 1), so a photo spans exactly 0…width by 0…height and resizing is a pure
scale. Cells and tokens are (row, column) and counted from 0. `frontend/geometry.js` says the same
in JavaScript; one table of cases, tests/data/geometry_cases.json, tests both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fovea.models.records import PatchGrid

Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
"""2×3: (x, y) → (a·x + b·y + c, d·x + e·y + f)."""


def apply(affine: Affine, x: float, y: float) -> tuple[float, float]:
    """The image of the point (x, y)."""
    (a, b, c), (d, e, f) = affine
    return a * x + b * y + c, d * x + e * y + f


def inverse(affine: Affine) -> Affine:
    """The affine map back; raises ZeroDivisionError where there is none."""
    (a, b, c), (d, e, f) = affine
    det = a * e - b * d
    return (e / det, -b / det, (b * f - c * e) / det), (-d / det, a / det, (c * d - a * f) / det)


def upright(orientation: int, width: int, height: int) -> Affine:
    """From the stored pixels of a photo of `width` by `height` to the photo as it is meant to be
    seen.

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
    """From the upright photo to the network's input.

    image_to_input: the resize and the crop as one affine map. orientation: how the stored pixels
    were turned to make the photo upright (EXIF, 1…8); `image_width` and `image_height` are those
    of the upright photo.
    """

    image_width: int
    image_height: int
    input_width: int
    input_height: int
    image_to_input: Affine
    orientation: int = 1

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """A point on the photo as a point on the network's input; outside of it where it was
        cropped away.
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
        """(left, top, right, bottom) on the photo of what the network saw, in photo pixels."""
        left, top = self.to_image(0, 0)
        right, bottom = self.to_image(self.input_width, self.input_height)
        return left, top, right, bottom

    def cell_at(self, x: float, y: float, grid: PatchGrid) -> tuple[int, int] | None:
        """The (row, column) of the cell under a point on the photo; None where the network did
        not look.
        """
        u, v = self.to_input(x, y)
        if not (0 <= u < self.input_width and 0 <= v < self.input_height):
            return None
        row = math.floor(v * grid.rows / self.input_height)
        column = math.floor(u * grid.columns / self.input_width)
        # Rounding can carry a point just inside the last edge onto it.
        return min(row, grid.rows - 1), min(column, grid.columns - 1)

    def cell_box(self, row: int, column: int, grid: PatchGrid) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of a cell on the photo, in photo pixels."""
        height, width = self.input_height / grid.rows, self.input_width / grid.columns
        left, top = self.to_image(column * width, row * height)
        right, bottom = self.to_image((column + 1) * width, (row + 1) * height)
        return left, top, right, bottom


def token_of(row: int, column: int, grid: PatchGrid, prefix_tokens: int) -> int:
    """The index of the token of a cell; raises IndexError outside the grid."""
    if not (0 <= row < grid.rows and 0 <= column < grid.columns):
        raise IndexError(f"cell ({row}, {column}) is outside {grid.rows}×{grid.columns}")
    return prefix_tokens + row * grid.columns + column


def cell_of(token: int, grid: PatchGrid, prefix_tokens: int) -> tuple[int, int] | None:
    """The (row, column) of a token; None for a prefix token, IndexError beyond the last."""
    if not 0 <= token < prefix_tokens + grid.cells:
        raise IndexError(f"token {token} is outside 0…{prefix_tokens + grid.cells - 1}")
    if token < prefix_tokens:
        return None
    return divmod(token - prefix_tokens, grid.columns)
