"""Handlers of spatial transformers: an affine grid that is sampled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from fovea.models.kinds.warp import edit
from fovea.models.records import Sampling
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch
from fovea.models.tracing.tensors import kept


def _affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Origin:
    return Origin("affine-grid", theta=theta, align_corners=bool(align_corners))


def on_affine_grid(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers the grid and the theta that made it."""
    result = func(*args, **kwargs)
    watch.recording.origins.set(result, _affine_grid(*args, **kwargs))
    return result


def _grid_sample_inputs(input: Tensor, grid: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
    return input, grid


def on_grid_sample(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if the grid came from an affine grid."""
    source, grid = _grid_sample_inputs(*args, **kwargs)
    origin = watch.recording.origins.get(grid)
    is_site = origin is not None and origin.theta is not None and source.ndim == 4
    change = watch.recording.change("spatial-transformer") if is_site else None
    if change is not None and origin is not None:
        theta, other = edit.edited(grid, change, origin.align_corners)
        origin = replace(origin, theta=theta)
        args = [other if one is grid else one for one in args]
        kwargs = {name: other if one is grid else one for name, one in kwargs.items()}
        grid = other
    result = func(*args, **kwargs)
    if is_site and origin is not None and origin.theta is not None:
        sampling = Sampling(
            theta=kept(origin.theta),
            grid=kept(grid),
            input=kept(source),
            output=kept(result),
            align_corners=origin.align_corners,
        )
        watch.recording.add("spatial-transformer", sampling)
    return result
