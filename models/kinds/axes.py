"""Which axis of a feature map is channels, rows or columns.

A convolution gives (batch, channel, row, column); networks that permute axes (triplet attention,
Misra et al. 2021) or keep channels last reveal it by a permutation. The order is written as
letters, "chw", "hwc" or "whc", without the batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fovea.models.kinds.following import on_view
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

USUAL = "chw"
"""The default order."""

LAST = "hwc"
"""Channels last."""

UNKNOWN = "?"
"""Where the batch is no longer the first axis."""

_SIZES = (2, 3, 5, 7)
_AXES = torch.empty(_SIZES)
"""Four axes of different sizes: after a permutation the sizes tell which one went where."""


def axes_of(origin: Origin | None) -> str | None:
    """The axis order of a map with this origin; None if unknown."""
    if origin is None:
        return None
    axes: str | None = (
        origin.about if origin.produced_by == "map" else getattr(origin.about, "axes", None)
    )
    return axes


def _order(func: Any, args: Any, kwargs: Any) -> tuple[int, ...]:
    """Which of the four original axes is at each position after the call."""
    return tuple(_SIZES.index(size) for size in func(_AXES, *args[1:], **kwargs).shape)


def turned(before: str | None, order: tuple[int, ...]) -> str:
    """The order of the axes after a permutation. before: None if unknown."""
    if order[0] != 0 or before == UNKNOWN:
        return UNKNOWN
    if before is None:
        # The permutation back from channels last; nobody applies it to channels-first maps.
        before = LAST if order == (0, 3, 1, 2) else USUAL
    return "".join(before[axis - 1] for axis in order[1:])


def on_permutation(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Handled as a view; for a feature map, also tracks the axis order."""
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
