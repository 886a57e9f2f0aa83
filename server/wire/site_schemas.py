"""The JSON of a site: its kind, where its tokens lie, and which of them are words."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from fovea.models.grids import PatchGrid
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.methods.making.queries import key_grid, query_grid, windows, word_labels
from fovea.models.records import Attention, Site, Trace
from fovea.models.running.tasks import Sentence
from fovea.server.wire.map_schemas import Offer
from fovea.server.wire.outputs import Schema

if TYPE_CHECKING:
    SiteKindName = str
else:
    SiteKindName = Literal[tuple(SITE_KINDS)]
"""Names of the kinds, from the registry."""


class Grid(Schema):
    """With rows and columns alone, the cells divide the whole input evenly."""

    rows: int
    columns: int
    depth: int = Field(default=1, description="layers behind each other: moments, slices; else 1")
    origin: list[float] | None = Field(
        default=None,
        description="where cell (0, 0) begins, [row, column] in pixels of the network's input; "
        "null: the cells share the whole input evenly. With a depth, that comes first",
    )
    stride: list[float] | None = Field(
        default=None, description="pixels from one cell to the next; a cell is drawn so large"
    )
    extent: list[float] | None = Field(
        default=None,
        description="pixels that a cell was made from, with the cell's middle; more than the "
        "stride where patches overlap",
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, made: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The fields, which a custom serializer hides from OpenAPI."""
        plain = cast("CoreSchema", {key: made[key] for key in made if key != "serialization"})
        described = handler(plain)
        handler.resolve_ref_schema(described)["required"] = ["rows", "columns"]
        return described

    @model_serializer(mode="wrap")
    def _said(self, made: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain = {"depth": 1, "origin": None, "stride": None, "extent": None}
        return {name: value for name, value in made(self).items() if value != plain.get(name, self)}


class SiteSummary(Schema):
    id: str
    kind: SiteKindName
    title: str = Field(description="what its kind is called, before its layer")
    layer: int = Field(description="ordinal among the sites of its kind, from 0")
    name: str = Field(description="path of the module in the network")
    heads: int | None
    queries: int | None
    keys: int | None
    grid: Grid | None = Field(description="cells of one grid that all tokens lie on; null: none")
    prefix_tokens: int = Field(description="tokens without a place, before the cells")
    suffix_tokens: int = Field(default=0, description="tokens without a place, after the cells")
    query_labels: list[str] | None = Field(description="the words that ask, where words do")
    key_labels: list[str] | None = Field(description="the words that are looked at")
    channels: int | None
    windows: int | None = Field(description="windows that attend apart from each other")
    query_grid: Grid | None = Field(description="cells that can be asked about with query=row,col")
    key_grid: Grid | None = Field(description="cells that are looked at")
    projections: bool = Field(description="whether queries and keys alone give every row")
    note: str | None = Field(description="windows, two grids, or why places are not known")
    range: list[float | None] | None = Field(
        default=None, description="of a gate's factors, whatever the photo; null: no bound"
    )
    theta: list[list[float]] | None = Field(
        default=None, description="of a sampler; null where no affine map gives its points"
    )
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


def grid_of(grid: PatchGrid | None, input_px: tuple[int, int] | None = None) -> Grid | None:
    """The JSON of a grid. input_px: (height, width) of the network's input, if known."""
    if grid is None:
        return None
    axes = () if input_px is not None and grid.covers(*input_px) else grid.axes or ()
    return Grid(
        rows=grid.rows,
        columns=grid.columns,
        depth=grid.depth,
        origin=[axis.origin for axis in axes] or None,
        stride=[axis.stride for axis in axes] or None,
        extent=[axis.extent for axis in axes] or None,
    )


def site_fields(
    trace: Trace,
    site: Site,
    sentence: Sentence | None = None,
    input_px: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """One row of an analysis' `sites`, without its views. input_px: as in `grid_of`."""
    queries, keys = word_labels(site, sentence)
    is_attention = isinstance(site.tensors, Attention)
    fields: dict[str, Any] = {
        name: getattr(site, name)
        for name in ("id", "kind", "layer", "name", "heads", "queries", "keys", "channels", "note")
    }
    if (facts := SITE_KINDS[site.kind].facts) is not None:
        fields |= {
            name: grid_of(fact) if isinstance(fact, PatchGrid) else fact
            for name, fact in facts(trace, site).items()
        }
    return fields | {
        "title": SITE_KINDS[site.kind].title,
        "grid": grid_of(site.grid, input_px),
        "prefix_tokens": site.prefix_tokens,
        "suffix_tokens": site.suffix_tokens,
        "query_labels": None if queries is None else list(queries),
        "key_labels": None if keys is None else list(keys),
        "windows": windows(site),
        "query_grid": grid_of(query_grid(site), input_px) if is_attention else None,
        "key_grid": grid_of(key_grid(site), input_px) if is_attention else None,
        "projections": is_attention and site.attention.factored and windows(site) is None,
    }
