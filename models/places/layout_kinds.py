"""Names for layouts: how an attention's tokens lie on the photo."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fovea.models.grids import Cells, PatchGrid
from fovea.models.records import Site

LayoutKind = Literal[
    "global",
    "pyramid",
    "class-only",
    "window",
    "shifted window",
    "axial",
    "grid",
    "neighbourhood",
    "cross",
    "placeless",
    "channel×channel",
    "unknown",
]


def _span(places: Tensor, around: int) -> tuple[int, bool] | None:
    """(step, wraps) of equally spaced positions, possibly around the edge; else None."""
    if len(places) == 1:
        return 1, False
    steps = places.diff()
    # Around the edge: all steps but one are equal, and that one closes the circle.
    if int((steps != 1).sum()) == 1 and places[0] == 0 and places[-1] == around - 1:
        return 1, True
    return (int(steps[0]), False) if (steps == steps[0]).all() else None


def _window(cells: Tensor, grid: PatchGrid) -> LayoutKind:
    rows, columns = (cells // grid.columns).unique(), (cells % grid.columns).unique()
    down, across = _span(rows, grid.rows), _span(columns, grid.columns)
    if down is None or across is None or len(cells) != len(rows) * len(columns):
        return "unknown"
    if down[0] > 1 or across[0] > 1:
        return "grid"
    if down[1] or across[1]:
        return "shifted window"
    if (len(rows) == 1 and len(columns) == grid.columns) or (
        len(columns) == 1 and len(rows) == grid.rows
    ):
        return "axial"
    return "window"


def _windows(keys: Cells) -> LayoutKind:
    """The kind of a set of windows: the most specific one that any of them shows."""
    known = [tokens[tokens >= 0].unique() for tokens in keys.cells.unique(dim=0)]
    known = [tokens for tokens in known if len(tokens)]
    everywhere = torch.cat(known)
    kinds = {_window(tokens, keys.grid) for tokens in known}
    if len(everywhere) > len(everywhere.unique()) and "unknown" not in kinds:
        return "neighbourhood"
    order: tuple[LayoutKind, ...] = ("unknown", "grid", "shifted window", "window", "axial")
    return next(kind for kind in order if kind in kinds)


def layout_kind(site: Site) -> LayoutKind:
    """The name of a site's layout; "unknown" if its positions were not followed."""
    layout = site.layout
    if layout is None:
        return "unknown"
    if layout.over_channels:
        return "channel×channel"
    if layout.keys is None:
        return "placeless" if layout.keys_nowhere else "unknown"
    if layout.keys.cells.shape[0] > 1:
        return _windows(layout.keys)
    if layout.queries is None:
        if not layout.queries_nowhere:
            return "unknown"
        return "class-only" if site.queries == 1 else "cross"
    return "global" if layout.keys.grid == layout.queries.grid else "pyramid"
