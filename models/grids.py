"""Where things are: grids of cells over the network's input, and what stands in which cell.

Every record is frozen. Spatial order is (row, column).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from fovea.models import showing


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the cells of a grid are along one axis of the network's input, in its pixels (along
    time in frames, along depth in slices).

    Cell i begins at origin + i·stride and is drawn one stride long. extent: how long the stretch
    is that it was made from, with the same middle: more than the stride where patches overlap,
    less where something between them is skipped.
    """

    origin: float = 0.0
    stride: float = 1.0
    extent: float = 1.0

    def cell(self, index: int) -> tuple[float, float]:
        """(start, end) of what is drawn for a cell."""
        return self.origin + index * self.stride, self.origin + (index + 1) * self.stride

    def seen(self, index: int) -> tuple[float, float]:
        """(start, end) of what a cell was made from; beyond the input where that was padded."""
        margin = (self.extent - self.stride) / 2
        start, end = self.cell(index)
        return start - margin, end + margin


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """A grid of cells of equal size over the network's input.

    depth: how many layers of rows and columns lie behind each other: a video's moments, a volume's
    slices; 1 for a photo. axes: where the cells are, of rows and columns (with a depth, of that,
    rows and columns); None where the cells share the whole input evenly. Two grids are equal
    if they have as many cells each way; `same_axes` compares where these are.
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
        """Rows of all layers together: cell // columns counts them."""
        return self.depth * self.rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(row, column), with a depth (depth, row, column)."""
        flat = (self.rows, self.columns)
        return flat if self.depth == 1 else (self.depth, *flat)

    @property
    def axis_names(self) -> tuple[str, ...]:
        """What the axes of `shape` are called."""
        flat = ("row", "column")
        return flat if self.depth == 1 else ("depth", *flat)

    def covers(self, height: int, width: int) -> bool:
        """Whether its cells share a whole input of so many pixels evenly, and none reaches beyond
        its share.
        """
        if self.axes is None:
            return True
        sizes = zip(self.axes, self.shape, (height, width), strict=self.depth == 1)
        return self.depth == 1 and all(
            axis.origin == 0 and axis.stride * cells == size and axis.extent == axis.stride
            for axis, cells, size in sizes
        )

    def same_axes(self, other: PatchGrid) -> bool:
        """Whether cells of the same number are in the same place, however far they reach."""
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
    """Which cells of a grid the entries of a tensor stand for.

    cells: integers row·columns + column, or −1 for what has no place; for the tokens of an
    attention (window, token). grid: the grid that is counted in.
    """

    cells: Tensor
    grid: PatchGrid


Words = Literal["source", "read", "written"]
"""Which words a token stands for: those of the sentence that the network was given, those that its
decoder read, or those that it wrote, each one place after what was read.
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the queries and the keys of an attention are; None where that could not be followed.

    over_channels: the matrix is channel×channel (XCiT's cross-covariance); it has no places at all.
    query_words, key_words: which words the queries or keys are, where they are words and no places.
    queries_nowhere, keys_nowhere: they are known to stand for no place (words, class tokens, the
    object queries of a detector), which is more than not knowing it.
    """

    queries: Cells | None
    keys: Cells | None
    over_channels: bool = False
    query_words: Words | None = None
    key_words: Words | None = None
    queries_nowhere: bool = False
    keys_nowhere: bool = False
