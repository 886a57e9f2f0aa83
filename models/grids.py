"""Grids of cells over the network's input, and the cells that tensor entries stand for.

Every record is frozen. Spatial order is (row, column).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from fovea.models import showing


@dataclass(frozen=True, slots=True)
class Axis:
    """Position of a grid's cells along one axis of the network's input, in pixels (frames along
    time, slices along depth).

    Cell i begins at origin + i·stride and is drawn one stride long. extent: length of the area it
    was computed from, with the same centre: more than the stride if patches overlap, less if some
    input is skipped.
    """

    origin: float = 0.0
    stride: float = 1.0
    extent: float = 1.0

    def cell(self, index: int) -> tuple[float, float]:
        """(start, end) of a cell as drawn."""
        return self.origin + index * self.stride, self.origin + (index + 1) * self.stride

    def seen(self, index: int) -> tuple[float, float]:
        """(start, end) of the area a cell was computed from; beyond the input if that was
        padded.
        """
        margin = (self.extent - self.stride) / 2
        start, end = self.cell(index)
        return start - margin, end + margin


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """A grid of equal cells over the network's input.

    depth: number of layers (frames of a video, slices of a volume); 1 for a photo. axes: position
    of the cells along rows and columns (with a depth: depth, rows, columns); None if the cells
    divide the input evenly. Grids with equal counts are equal; `same_axes` also compares positions.
    """

    rows: int
    columns: int
    depth: int = 1
    axes: tuple[Axis, ...] | None = field(default=None, compare=False)

    @property
    def cells(self) -> int:
        return self.depth * self.rows * self.columns

    @property
    def lines(self) -> int:
        """The number of rows in all layers: cell

        columns counts them.
        """
        return self.depth * self.rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(row, column), with a depth (depth, row, column)."""
        flat = (self.rows, self.columns)
        return flat if self.depth == 1 else (self.depth, *flat)

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The names of the axes of `shape`."""
        flat = ("row", "column")
        return flat if self.depth == 1 else ("depth", *flat)

    def covers(self, height: int, width: int) -> bool:
        """Whether its cells divide an input of that many pixels evenly, and none extends beyond its
        share.
        """
        if self.axes is None:
            return True
        sizes = zip(self.axes, self.shape, (height, width), strict=self.depth == 1)
        return self.depth == 1 and all(
            axis.origin == 0 and axis.stride * cells == size and axis.extent == axis.stride
            for axis, cells, size in sizes
        )

    def same_axes(self, other: PatchGrid) -> bool:
        """Whether cells with the same index have the same position, whatever their extent."""
        if self != other:
            return False
        if self.axes is None or other.axes is None:
            return self.axes is other.axes
        return all(
            abs(a.origin - b.origin) < 1e-6 and abs(a.stride - b.stride) < 1e-6
            for a, b in zip(self.axes, other.axes, strict=True)
        )


@dataclass(frozen=True, slots=True, repr=False)
class Cells(showing.Short):
    """The grid cells that the entries of a tensor stand for.

    cells: integers row·columns + column, or −1 for no place; for the tokens of an attention
    (window, token). grid: the grid of these numbers.
    """

    cells: Tensor
    grid: PatchGrid


Words = Literal["source", "read", "written"]
"""Which words a token stands for: the source sentence's, those the decoder read, or those it wrote,
each one position after the word read.
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of an attention's queries and keys; None if they could not be followed.

    over_channels: the matrix is channel×channel (XCiT's cross-covariance) and has no positions.
    query_words, key_words: which words the queries or keys are, if they are words. queries_nowhere,
    keys_nowhere: they are known to have no place (words, class tokens, a detector's object
    queries), as opposed to unknown places.
    """

    queries: Cells | None
    keys: Cells | None
    over_channels: bool = False
    query_words: Words | None = None
    key_words: Words | None = None
    queries_nowhere: bool = False
    keys_nowhere: bool = False
