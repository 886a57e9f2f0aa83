"""Describes the kind spatial transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fovea.models.grids import PatchGrid
from fovea.models.kinds.kind import SiteKind
from fovea.models.kinds.leading import back_from, tensors_of
from fovea.models.kinds.warp.chain import read_through
from fovea.models.kinds.warp.edit import planned
from fovea.models.kinds.warp.signature import KIND
from fovea.models.kinds.warp.steps import sampling_steps
from fovea.models.records import Site, Trace
from fovea.models.tracing.operations import Called


def leading(calls: Sequence[Called], args: Sequence[Any]) -> list[Called]:
    """From the map that is read, exclusive, to the grid."""
    start, end = tensors_of(args)[:2]
    return back_from(calls, {id(end)}, start)


def _grid(site: Site) -> tuple[int, int]:
    _, rows, columns, _ = site.sampling.grid.shape
    return rows, columns


def _facts(trace: Trace, site: Site) -> dict[str, Any]:
    sampling = site.sampling
    return {
        "theta": None if sampling.theta is None else sampling.theta[0].float().tolist(),
        "input_grid": PatchGrid(*sampling.input.shape[2:]),
        "output_grid": PatchGrid(*_grid(site)),
        "align_corners": sampling.align_corners,
        "reads_through": [sampler.id for sampler in read_through(trace, site)],
    }


SPATIAL_TRANSFORMER = SiteKind(
    name=KIND,
    title="Spatial transformer",
    claim="sampling",
    views=("grid", "grid/warped", "steps"),
    leading=leading,
    steps=lambda site, workings, at: sampling_steps(site, workings, at.row, at.column),
    led_to="how row {row}, column {column} of its output is read",
    grid=_grid,
    facts=_facts,
    edited_as="warp",
    planned=lambda edits, *_: planned(edits),
)

KINDS = (SPATIAL_TRANSFORMER,)
