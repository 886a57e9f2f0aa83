"""Recognises sampling: a map is read at points that depend on the photo.

How the points are computed does not matter: an affine grid, hand-written, clamped, detached, or
with a flow added (thin-plate splines, deformable sampling). theta is fitted to them if an affine
map matches.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fovea.models.kinds.warp import edit
from fovea.models.records import Sampling
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch
from fovea.models.tracing.tensors import kept

KIND = "spatial-transformer"

DISPLACED = (
    "No affine map gives these points: each was displaced on its own (a flow, a spline, a clamp)."
)

POINTS = (
    "it reads a few points for each query, or from parts of a map, as deformable attention does: "
    "where they are is not drawn"
)

VOLUME = "it reads a volume: where its points are is not drawn"

TOLERANCE = 1e-3
"""Maximum distance of a point from the fitted theta's, in pixels of the input; for large
half-precision grids, in multiples of the points' rounding error.
"""


def _affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Origin:
    return Origin("affine-grid", theta=theta, align_corners=bool(align_corners))


def on_affine_grid(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Records the theta of a grid."""
    result = func(*args, **kwargs)
    watch.recording.origins.set(result, _affine_grid(*args, **kwargs))
    return result


def _functional(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> tuple[Tensor, Tensor, bool]:
    return input, grid, bool(align_corners)


def _native(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> tuple[Tensor, Tensor, bool]:
    return input, grid, bool(align_corners)


def on_grid_sample(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Adds a site if the grid depends on the photo."""
    return _sample(watch, func, args, kwargs, *_functional(*args, **kwargs))


def on_grid_sampler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The same for the function behind it."""
    return _sample(watch, func, args, kwargs, *_native(*args, **kwargs))


def _sample(
    watch: Watch,
    func: Any,
    args: Any,
    kwargs: Any,
    source: Tensor,
    grid: Tensor,
    align_corners: bool,
) -> Any:
    recording = watch.recording
    if recording.constants.holds(grid):
        return func(*args, **kwargs)
    if source.ndim != 4 or not _warps(watch, source, grid):
        recording.miss("sampler", func.func, POINTS if source.ndim == 4 else VOLUME)
        return func(*args, **kwargs)
    change = recording.change(KIND)
    theta = None
    if change is not None:
        theta, other = edit.edited(grid, change, align_corners)
        args = [other if argument is grid else argument for argument in args]
        kwargs = {name: other if one is grid else one for name, one in kwargs.items()}
        grid = other
    result = func(*args, **kwargs)
    _add(watch, source, grid, align_corners, result, theta)
    return result


def _add(
    watch: Watch,
    source: Tensor,
    grid: Tensor,
    align_corners: bool,
    result: Tensor,
    theta: Tensor | None,
) -> None:
    recording = watch.recording
    origin = recording.origins.get(grid)
    if origin is not None and origin.theta is not None and origin.align_corners == align_corners:
        theta = origin.theta
    if theta is None:
        theta = fitted(
            grid.detach(), (source.shape[2], source.shape[3]), align_corners=align_corners
        )
    sampling = Sampling(
        theta=None if theta is None else kept(theta),
        grid=kept(grid),
        input=kept(source),
        output=kept(result),
        align_corners=align_corners,
    )
    recording.add(KIND, sampling, note=DISPLACED if theta is None else None)


def _warps(watch: Watch, source: Tensor, grid: Tensor) -> bool:
    """Whether one map is sampled into one map for each photo.

    Deformable attention and correlation look-ups instead read a few points for every query, from
    sources with heads or queries folded into the batch.
    """
    photos = watch.recording.photos()
    return (photos is None or source.shape[0] == photos) and min(grid.shape[1:3]) > 1


def output_points(
    rows: int, columns: int, *, align_corners: bool, like: Tensor | None = None
) -> Tensor:
    """(row, column, 3): the centre of every output pixel, (x, y, 1) on −1…1."""
    device = None if like is None else like.device

    def along(count: int) -> Tensor:
        index = torch.arange(count, dtype=torch.float64, device=device)
        if align_corners:
            return 2 * index / max(1, count - 1) - 1
        return (2 * index + 1) / count - 1

    y, x = torch.meshgrid(along(rows), along(columns), indexing="ij")
    return torch.stack((x, y, torch.ones_like(x)), dim=-1)


def fitted(grid: Tensor, source: tuple[int, int], *, align_corners: bool) -> Tensor | None:
    """The theta (batch, 2, 3) that reproduces the grid's points; None if there is none.

    Least squares over all points, in float64; source: (rows, columns) of the input, in whose pixels
    the tolerance is given. The grid has at least two rows and columns.
    """
    _, rows, columns, _ = grid.shape
    points = output_points(rows, columns, align_corners=align_corners, like=grid).flatten(0, 1)
    wanted = grid.flatten(1, 2).double()
    # x, y and 1 are orthogonal over a regular grid, so each coefficient is a projection.
    theta: Tensor = wanted.transpose(1, 2) @ points / points.square().sum(0)
    pixels = torch.tensor([source[1] / 2, source[0] / 2], dtype=torch.float64, device=grid.device)
    off = ((points @ theta.transpose(1, 2) - wanted) * pixels).abs()
    rounding = torch.finfo(grid.dtype).eps * 4 * max(1.0, float(wanted.abs().max()))
    if not bool((off <= TOLERANCE + rounding * pixels).all()):
        return None
    return theta if grid.dtype == torch.float64 else theta.float()
