"""Cell positions after a sliding window: convolution, pooling, resizing, overlapping patches.

A window of k cells with step s, padding p and dilation d over cells of stride S and extent E gives
cells of stride s·S and extent E + d·(k − 1)·S, the first one centred (d·(k − 1)/2 − p)·S after the
first cell (Araujo, Norris & Sim 2019, "Computing Receptive Fields of Convolutional Neural
Networks", eq. 2 to 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.grids import Axis, Cells, PatchGrid
from fovea.models.places.shadows import NOWHERE, axes_of, coordinates

Slide = Callable[[int, Axis, int, int], Axis]
"""(index of the spatial axis, input axis, input cells, output cells) → output axis."""


class Window(NamedTuple):
    """A sliding window along one axis, in cells of its input."""

    size: int
    step: int = 1
    padding: float = 0
    dilation: int = 1

    def over(self, axis: Axis) -> Axis:
        """The output cells for the cells of `axis`."""
        reach = self.dilation * (self.size - 1)
        middle = axis.origin + (0.5 + reach / 2 - self.padding) * axis.stride
        stride = self.step * axis.stride
        return Axis(middle - stride / 2, stride, axis.extent + reach * axis.stride)

    def spread_from(self, axis: Axis) -> Axis:
        """The output cells of a transposed convolution: `step` smaller ones for each cell."""
        reach = self.dilation * (self.size - 1)
        stride = axis.stride / self.step
        middle = axis.origin + axis.stride / 2 + (self.padding - reach / 2) * stride
        read = -(-(reach + 1) // self.step)
        return Axis(middle - stride / 2, stride, axis.extent + (read - 1) * axis.stride)


def evenly(axis: Axis, before: int, after: int) -> Axis:
    """The same length divided into another number of cells."""
    stride = axis.stride * before / after
    return Axis(axis.origin, stride, max(axis.extent, axis.extent - axis.stride + stride))


def _each(value: Any, axis: int) -> Any:
    return value[axis if len(value) > 1 else 0] if isinstance(value, tuple | list) else value


def _named(names: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict(zip(names.split(), args, strict=False)), **kwargs}


def _of_convolution(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Slide:
    given = _named("input weight bias stride padding dilation", args, kwargs)
    weight: Tensor = given["weight"]

    def slide(axis: int, before: Axis, _: int, __: int) -> Axis:
        size, padding = weight.shape[2 + axis], given.get("padding", 0)
        dilation = _each(given.get("dilation", 1), axis)
        if padding == "same":
            padding = dilation * (size - 1) // 2
        padding = 0 if padding == "valid" else _each(padding, axis)
        return Window(size, _each(given.get("stride", 1), axis), padding, dilation).over(before)

    return slide


def _of_transposed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Slide:
    names = "input weight bias stride padding output_padding groups dilation"
    given = _named(names, args, kwargs)

    def slide(axis: int, before: Axis, _: int, __: int) -> Axis:
        stride, padding = _each(given.get("stride", 1), axis), _each(given.get("padding", 0), axis)
        dilation = _each(given.get("dilation", 1), axis)
        size = given["weight"].shape[2 + axis]
        return Window(size, stride, padding, dilation).spread_from(before)

    return slide


def _of_pooling(names: str) -> Callable[[Sequence[Any], Mapping[str, Any]], Slide]:
    def of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Slide:
        given = _named(names, args, kwargs)

        def slide(axis: int, before: Axis, _: int, __: int) -> Axis:
            size = _each(given["kernel_size"], axis)
            step = given.get("stride")
            step = size if step is None or step == [] else _each(step, axis)
            padding, dilation = given.get("padding", 0), given.get("dilation", 1)
            return Window(size, step, _each(padding, axis), _each(dilation, axis)).over(before)

        return slide

    return of


_READS = {"nearest": 0, "nearest-exact": 0, "area": 0, "bicubic": 3}
"""Cells that resizing reads besides the nearest; linear modes read one more."""


def _of_resizing(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Slide:
    given = _named("input size scale_factor mode align_corners", args, kwargs)
    more = _READS.get(given.get("mode", "nearest"), 1)

    def slide(axis: int, before: Axis, count: int, after: int) -> Axis:
        if count == after:
            return before
        even = evenly(before, count, after)
        extent = before.extent + more * before.stride
        if given.get("antialias") or given.get("mode") == "area":
            extent = before.extent + max(more, 1) * max(before.stride, even.stride)
        if not given.get("align_corners") or after == 1:
            return Axis(even.origin, even.stride, extent)
        stride = before.stride * (count - 1) / (after - 1)
        return Axis(before.origin + (before.stride - stride) / 2, stride, extent)

    return slide


def _known(owners: Sequence[Any], names: str) -> list[Callable[..., Any]]:
    return [getattr(owner, n) for n in names.split() for owner in owners if hasattr(owner, n)]


_POOL = "input kernel_size stride padding"
_SLIDES: dict[Callable[..., Any], Callable[[Sequence[Any], Mapping[str, Any]], Slide]] = {
    **dict.fromkeys(_known((F, torch), "conv2d conv3d"), _of_convolution),
    **dict.fromkeys(_known((F, torch), "conv_transpose2d conv_transpose3d"), _of_transposed),
    **dict.fromkeys(_known((F,), "avg_pool2d avg_pool3d"), _of_pooling(_POOL)),
    **dict.fromkeys(
        _known(
            (F, torch),
            "max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices",
        ),
        _of_pooling(f"{_POOL} dilation"),
    ),
    F.lp_pool2d: _of_pooling("input norm_type kernel_size stride"),
    F.interpolate: _of_resizing,
    F.upsample: _of_resizing,
}

_EVENLY = _known(
    (F, torch),
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d"
    " pixel_shuffle pixel_unshuffle",
)

PICTURES = {*_SLIDES, *_EVENLY}
"""Functions that turn a whole picture or volume into a new one."""


def slide_of(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Slide:
    """The effect of a call of one of PICTURES on cell positions."""
    known = _SLIDES.get(function)
    if known is None:
        return lambda _, axis, before, after: evenly(axis, before, after)
    return known(args, kwargs)


def picture_axes(cells: Tensor, grid: PatchGrid) -> tuple[Axis, ...]:
    """The positions of a picture's entries, (row, column) or (depth, row, column), whose cells may
    be padded or every n-th of the grid.
    """
    found = []
    each = coordinates(cells, grid)
    for number, (lines, axis) in enumerate(zip(each, axes_of(grid), strict=True)):
        others = [one for one in range(cells.ndim) if one != number]
        along = torch.where(cells == NOWHERE, NOWHERE, lines).amax(others).tolist()
        known = [index for index, line in enumerate(along) if line != NOWHERE]
        first, last = known[0], known[-1]
        step = (along[last] - along[first]) / (last - first) if last > first else 1.0
        middle = axis.origin + (along[first] + 0.5) * axis.stride
        stride = step * axis.stride
        found.append(Axis(middle - (first + 0.5) * stride, stride, axis.extent))
    return tuple(found)


def mixed(cells: Tensor, grid: PatchGrid) -> Cells | None:
    """(…, token, cell) of tokens computed from boxes of neighbouring cells → cells (…, token) in
    the grid of these boxes, which may overlap; None if they form no grid.

    Boxes at the edge may be clipped if the picture was padded.
    """
    known = cells != NOWHERE
    placed = known.any(-1)
    if not placed.any():
        return None
    counts, indices, axes = [], [], []
    area = torch.ones_like(placed, dtype=torch.int64)
    for lines, axis in zip(coordinates(cells, grid), axes_of(grid), strict=True):
        low = torch.where(known, lines, grid.cells).amin(-1)
        high = torch.where(known, lines, NOWHERE).amax(-1)
        size = int((high - low)[placed].max()) + 1
        area *= high - low + 1
        cut = (low == low[placed].min()) & (high - low + 1 < size)
        starts, index = torch.where(cut, high - size + 1, low)[placed].unique(return_inverse=True)
        steps = starts.diff()
        if len(steps) and not bool((steps == steps[0]).all()):
            return None
        step = int(steps[0]) if len(steps) else size
        counts.append(len(starts))
        indices.append(index)
        padding = -int(starts[0])
        axes.append(Window(size, step, padding).over(axis))
    if not _boxes(cells, placed, area):
        return None
    # Axis by axis: (depth,) row, column.
    number = indices[0]
    for count, index in zip(counts[1:], indices[1:], strict=True):
        number = number * count + index
    fine = new_shape(counts, axes)
    if len(number.unique()) != fine.cells:
        return None
    result = torch.full(placed.shape, NOWHERE, dtype=torch.int32)
    result[placed] = number.int()
    return Cells(result, fine)


def new_shape(counts: Sequence[int], axes: Sequence[Axis]) -> PatchGrid:
    """A grid of (depth,) rows and columns."""
    *deep, rows, columns = counts
    depth = deep[0] if deep else 1
    return PatchGrid(rows, columns, depth, tuple(axes if depth > 1 else axes[-2:]))


def _boxes(cells: Tensor, placed: Tensor, area: Tensor) -> bool:
    """Whether the cells of each token, (…, token, cell), fill their bounding box."""
    ordered = cells[placed].sort(-1).values
    new = (ordered[:, 1:] != ordered[:, :-1]) & (ordered[:, 1:] != NOWHERE)
    distinct = new.sum(-1) + (ordered[:, 0] != NOWHERE)
    return bool((distinct == area[placed]).all())
