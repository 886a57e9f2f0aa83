"""Whether the photos of a batch look at each other: their tokens are no patches of one photo then.

The call is followed once more, with a cell of its own for each pixel of every photo, as if the
batch were a pile of pictures. The layer of a token is then the photo that it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.capture.recorder import capture
from fovea.models.grids import Cells
from fovea.models.places.follow import Follow
from fovea.models.places.given import photo_in, stacked, tensors_in
from fovea.models.places.layout import Layouts, Placement
from fovea.models.places.tokens import TokenPlaces

JOINED = "Photos of one batch look at each other here; shown as a matrix."


def without_joined(
    layouts: Layouts,
    module: nn.Module,
    call: Callable[..., Any],
    inputs: Sequence[Any],
    named: Mapping[str, Any],
) -> Layouts:
    """`layouts` of a call with a batch, without places at sites where its photos look at each
    other.
    """
    photo = photo_in([inputs, named])
    if photo is None or photo.ndim != 4 or len(photo) < 2:
        return layouts
    with torch.inference_mode(), capture(module) as recording:
        followed = Follow(recording)
        with followed:
            followed.given(list(tensors_in([inputs, named])), photo, stacked(photo))
            call(*inputs, **named)
    if len(recording.trace.sites) != len(layouts):
        return layouts
    return tuple(
        replace(known, grid=None, layout=None, arrangement=None, note=JOINED)
        if isinstance(known, Placement) and _joins(followed.seen.get(index))
        else known
        for index, known in enumerate(layouts)
    )


def _joins(seen: TokenPlaces | None) -> bool:
    """Whether a window has tokens of several photos, or queries of another one than its keys."""
    if seen is None or seen.layout.keys is None:
        return False
    keys, queries = _photos(seen.layout.keys), seen.layout.queries
    first = keys.amax(-1)
    mixed = (keys >= 0) & (keys != first[:, None])
    if bool(mixed.any()) or queries is None:
        return bool(mixed.any())
    asking = _photos(queries)
    return bool(((asking >= 0) & (first >= 0)[:, None] & (asking != first[:, None])).any())


def _photos(cells: Cells) -> Tensor:
    """(window, token): the photo of each token, −1 for one without a place."""
    grid = cells.grid
    return torch.where(cells.cells < 0, -1, cells.cells // (grid.rows * grid.columns))
