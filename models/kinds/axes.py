"""Which axis of a map is which: channels, rows or columns.

A convolution gives (batch, channel, row, column); a network that turns its axes around (triplet
attention looks along rows and columns so, Misra et al. 2021) or keeps channels last says so by a
permutation. The order is written in letters, "chw" or "hwc" or "whc", without the batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fovea.models.kinds.following import on_view
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

USUAL = "chw"
"""The order of a map of which nothing else is known."""

LAST = "hwc"
"""Channels last."""

UNKNOWN = "?"
"""Where the batch is no longer the first axis."""

_SIZES = (2, 3, 5, 7)
_AXES = torch.empty(_SIZES)
"""Four axes of different sizes: after a permutation the sizes tell which one went where."""


def axes_of(origin: Origin | None) -> str | None:
    """The order of the axes of a map with this origin; None where nothing is known."""
    if origin is None:
        return None
    axes: str | None = (
        origin.about if origin.produced_by == "map" else getattr(origin.about, "axes", None)
    )
    return axes


def _order(func: Any, args: Any, kwargs: Any) -> tuple[int, ...]:
    """Which of the four axes before stands at each place after the call."""
    return tuple(_SIZES.index(size) for size in func(_AXES, *args[1:], **kwargs).shape)


def turned(before: str | None, order: tuple[int, ...]) -> str:
    """The order of the axes after a permutation. before: None where nothing is known of it."""
    if order[0] != 0 or before == UNKNOWN:
        return UNKNOWN
    if before is None:
        # The way back from channels last; from channels first nobody goes this way.
        before = LAST if order == (0, 3, 1, 2) else USUAL
    return "".join(before[axis - 1] for axis in order[1:])


def on_permutation(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """As a view; and of a map, notes which axis went where."""
    result = on_view(watch, func, args, kwargs)
    if not isinstance(result, Tensor) or result.ndim != 4:
        return result
    origins = watch.recording.origins
    before = origins.get(args[0])
    if before is not None and before.produced_by != "map":
        return result
    axes = turned(axes_of(before), _order(func, args, kwargs))
    origins.set(result, Origin("map", about=axes))
    return result
