"""The JSON of a site: what it is, where its tokens are, and which of them are words."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fovea.models.kinds.warp.chain import read_through
from fovea.models.methods.making.queries import key_grid, query_grid, windows, word_labels
from fovea.models.records import PatchGrid, Site, Trace
from fovea.models.running.tasks import Sentence
from fovea.server.answers import views
from fovea.server.wire.map_schemas import Offer
from fovea.server.wire.outputs import Schema


class Grid(Schema):
    rows: int
    columns: int


class SiteSummary(Schema):
    id: str
    kind: Literal["attention", "channel-gate", "spatial-gate", "spatial-transformer"]
    layer: int = Field(description="ordinal among the sites of its kind, from 0")
    name: str = Field(description="path of the module in the network")
    heads: int | None
    queries: int | None
    keys: int | None
    grid: Grid | None = Field(description="cells of one grid that all tokens lie on; null: none")
    prefix_tokens: int = Field(description="tokens without a place, before the cells")
    query_labels: list[str] | None = Field(description="the words that ask, where words do")
    key_labels: list[str] | None = Field(description="the words that are looked at")
    channels: int | None
    windows: int | None = Field(description="windows that attend apart from each other")
    query_grid: Grid | None = Field(description="cells that can be asked about with query=row,col")
    key_grid: Grid | None = Field(description="cells that are looked at")
    projections: bool = Field(description="whether queries and keys alone give every row")
    note: str | None = Field(description="windows, two grids, or why places are not known")
    theta: list[list[float]] | None = None
    input_grid: Grid | None = None
    output_grid: Grid | None = None
    align_corners: bool | None = Field(
        default=None,
        description="whether -1 and 1 in theta are the middles or the edges of the outer cells",
    )
    reads_through: list[str] | None = Field(
        default=None,
        description="ids of the spatial transformers whose windows this one sees, outermost first",
    )
    views: list[Offer] = Field(description="what this site can show")


def grid_of(grid: PatchGrid | None) -> Grid | None:
    """The JSON of a grid."""
    return None if grid is None else Grid(rows=grid.rows, columns=grid.columns)


def site_fields(trace: Trace, site: Site, sentence: Sentence | None = None) -> dict[str, Any]:
    """One row of an analysis's `sites`, without its views."""
    queries, keys = word_labels(site, sentence)
    is_attention = site.kind == "attention"
    fields: dict[str, Any] = {
        name: getattr(site, name)
        for name in ("id", "kind", "layer", "name", "heads", "queries", "keys", "channels", "note")
    }
    if site.kind == "spatial-transformer":
        sampling = site.sampling
        fields |= {
            "theta": views.as_array(sampling.theta[0]).tolist(),
            "input_grid": grid_of(PatchGrid(*sampling.input.shape[2:])),
            "output_grid": grid_of(PatchGrid(*sampling.grid.shape[1:3])),
            "align_corners": sampling.align_corners,
            "reads_through": [sampler.id for sampler in read_through(trace, site)],
        }
    return fields | {
        "grid": grid_of(site.grid),
        "prefix_tokens": site.prefix_tokens,
        "query_labels": None if queries is None else list(queries),
        "key_labels": None if keys is None else list(keys),
        "windows": windows(site),
        "query_grid": grid_of(query_grid(site)) if is_attention else None,
        "key_grid": grid_of(key_grid(site)) if is_attention else None,
        "projections": is_attention and site.attention.factored and windows(site) is None,
    }
