"""The JSON that goes over the wire, and how it is made from the records."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.records import PatchGrid, Site
from models.spec import ModelSpec
from server import views
from server.analysis import Analysis as KeptAnalysis
from server.queries import key_grid, query_grid, windows

Status = Literal["ready", "available", "loading", "unavailable"]


class Schema(BaseModel):
    """Unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Size(Schema):
    width: int
    height: int


class Grid(Schema):
    rows: int
    columns: int


class Geometry(Schema):
    """Pixel-edge coordinates (x, y): x_input = a·x + b·y + c, y_input = d·x + e·y + f."""

    image_to_input: list[list[float]] = Field(description="[[a, b, c], [d, e, f]]")
    input: Size
    crop: list[float] = Field(description="[left, top, right, bottom] on the photo, in pixels")


class Prediction(Schema):
    index: int
    label: str
    score: float


class SiteSummary(Schema):
    id: str
    kind: Literal["attention", "channel-gate", "spatial-gate", "spatial-transformer"]
    layer: int = Field(description="ordinal among the sites of its kind, from 0")
    name: str = Field(description="path of the module in the network")
    heads: int | None
    queries: int | None
    keys: int | None
    grid: Grid | None = Field(description="cells of one grid that all tokens lie on; null: none")
    prefix_tokens: int
    channels: int | None
    windows: int | None = Field(description="windows that attend apart from each other")
    query_grid: Grid | None = Field(description="cells that can be asked about with query=row,col")
    key_grid: Grid | None = Field(description="cells that are looked at")
    projections: bool = Field(description="whether queries and keys alone give every row")
    note: str | None = Field(description="windows, two grids, or why places are not known")
    theta: list[list[float]] | None = None
    input_grid: Grid | None = None
    output_grid: Grid | None = None


class Links(Schema):
    self: str
    image: str
    model: str


class Analysis(Schema):
    id: str
    model: str
    image: Size
    geometry: Geometry
    predictions: list[Prediction]
    sites: list[SiteSummary]
    warnings: list[str]
    timings_ms: dict[str, float]
    links: Links


class ModelSummary(Schema):
    id: str
    title: str
    summary: str
    mechanisms: list[str]
    task: str
    input_size: list[int] = Field(description="[height, width]")
    source: Literal["bundled", "hub", "local"]
    status: Status
    parameters: int | None
    size_bytes: int | None
    metrics: dict[str, Any]
    licence: str | None
    reason: str | None = Field(None, description="why it is unavailable")


class Preprocessing(Schema):
    resize_px: int
    crop_px: list[int] = Field(description="[height, width]")
    interpolation: str
    mean: list[float]
    std: list[float]
    channels: int
    fit: str


class Progress(Schema):
    received_bytes: int
    total_bytes: int | None


class ModelCard(ModelSummary):
    """What else a model's card says (data, recipe, command, …) is there under its own name."""

    model_config = ConfigDict(extra="allow")

    revision: str | None
    citation: str | None
    preprocessing: Preprocessing
    labels: list[str] | None
    progress: Progress | None
    job: str | None = Field(None, description="address of the download under way")


class NamedArray(Schema):
    """One array. `values` are nested as `axes` says; what JSON has no number for is null."""

    model_config = ConfigDict(extra="allow")

    sentence: str
    axes: list[str]
    shape: list[int]
    values: list[Any]
    prefix_values: list[Any] | None
    non_finite: int


class SamplingGrid(Schema):
    site: str
    theta: list[list[float]]
    input: Grid
    output: Grid
    align_corners: bool
    sentence: str
    axes: list[str]
    shape: list[int]
    grid: list[Any]
    prefix_values: list[Any] | None
    non_finite: int


class Figure(Schema):
    """What Plotly.newPlot takes."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]


class Problem(BaseModel):
    """RFC 9457 problem details; some problems add members, such as `valid` or `accepted`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    limit: float | None = None
    actual: float | None = None
    hint: str | None = None


class Health(Schema):
    status: str


def grid_of(grid: PatchGrid | None) -> Grid | None:
    """The JSON of a grid."""
    return None if grid is None else Grid(rows=grid.rows, columns=grid.columns)


def site_summary(site: Site) -> SiteSummary:
    """One row of an analysis's `sites`."""
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
        }
    return SiteSummary(
        **fields,
        grid=grid_of(site.grid),
        prefix_tokens=site.prefix_tokens,
        windows=windows(site),
        query_grid=grid_of(query_grid(site)) if is_attention else None,
        key_grid=grid_of(key_grid(site)) if is_attention else None,
        projections=is_attention and site.attention.factored and windows(site) is None,
    )


def analysis(kept: KeptAnalysis) -> Analysis:
    """The JSON of an analysis, without its arrays."""
    geometry = kept.geometry
    here = f"/v1/analyses/{kept.id}"
    return Analysis(
        id=kept.id,
        model=kept.model.id,
        image=Size(width=kept.photo.width, height=kept.photo.height),
        geometry=Geometry(
            image_to_input=[list(row) for row in geometry.image_to_input],
            input=Size(width=geometry.input_width, height=geometry.input_height),
            crop=list(geometry.crop),
        ),
        predictions=[
            Prediction(index=p.index, label=p.label, score=p.score) for p in kept.predictions
        ],
        sites=[site_summary(site) for site in kept.trace.sites],
        warnings=list(kept.warnings),
        timings_ms={name: round(value, 3) for name, value in kept.timings_ms.items()},
        links=Links(self=here, image=f"{here}/image", model=f"/v1/models/{kept.model.id}"),
    )


def model_summary(spec: ModelSpec, status: Status) -> ModelSummary:
    """One row of the catalogue."""
    return ModelSummary(**_summary_fields(spec), status=status)


def model_card(
    spec: ModelSpec,
    status: Status,
    revision: str | None,
    received: tuple[int, int | None] | None,
    job: str | None = None,
) -> ModelCard:
    """Everything that is known of a model."""
    wanted = spec.preprocessing
    return ModelCard(
        **spec.card,
        **_summary_fields(spec),
        status=status,
        revision=revision or spec.revision,
        citation=spec.citation,
        preprocessing=Preprocessing(
            resize_px=wanted.resize_px,
            crop_px=list(wanted.crop_px),
            interpolation=wanted.interpolation,
            mean=list(wanted.mean),
            std=list(wanted.std),
            channels=wanted.channels,
            fit=wanted.fit,
        ),
        labels=None if spec.labels is None else list(spec.labels),
        progress=received and Progress(received_bytes=received[0], total_bytes=received[1]),
        job=job,
    )


def _summary_fields(spec: ModelSpec) -> dict[str, Any]:
    names = (
        "id", "title", "summary", "task", "source", "parameters", "size_bytes", "licence",
        "reason",
    )  # fmt: skip
    return {
        **{name: getattr(spec, name) for name in names},
        "mechanisms": list(spec.mechanisms),
        "input_size": list(spec.preprocessing.crop_px),
        "metrics": dict(spec.metrics),
    }
