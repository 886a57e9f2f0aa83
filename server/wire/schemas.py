"""The JSON that goes over the wire, and how it is made from the records."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fovea.models.catalog.spec import ModelSpec
from fovea.models.edits import to_json
from fovea.models.geometry import Geometry as Placed
from fovea.models.methods.base import Subject
from fovea.models.preprocessing import Preprocessing as Wanted
from fovea.models.running.tasks import task_of
from fovea.server.answers.change import change_of
from fovea.server.engine.analysis import Analysis as KeptAnalysis
from fovea.server.wire.addresses import address
from fovea.server.wire.map_schemas import MapOffer
from fovea.server.wire.offers import offers
from fovea.server.wire.outputs import CaptionOutput, MaskOutput, Schema, SequenceOutput, output
from fovea.server.wire.site_schemas import Grid, SiteKindName, SiteSummary

Status = Literal["ready", "available", "loading", "unavailable"]


class Size(Schema):
    width: int
    height: int


class Geometry(Schema):
    """Pixel-edge coordinates (x, y): x_input = a·x + b·y + c, y_input = d·x + e·y + f."""

    image_to_input: list[list[float]] = Field(description="[[a, b, c], [d, e, f]]")
    input: Size
    crop: list[float] = Field(description="[left, top, right, bottom] on the photo, in pixels")


class Prediction(Schema):
    index: int
    label: str
    score: float


class Links(Schema):
    self: str
    image: str | None
    model: str


class Answer(Schema):
    score: float
    logit: float


class ClassChange(Schema):
    """One of the top five classes, before or after."""

    index: int
    label: str
    before: Answer
    after: Answer


class Change(Schema):
    """How edits changed the answer."""

    classes: list[ClassChange] = Field(description="the top five of both, the best before first")
    words: list[str] | None = Field(description="of a network that writes: [before, after]")
    share: float | None = Field(
        description="of a network that segments: the share of places whose class changed"
    )


class Analysis(Schema):
    id: str
    model: str
    image: Size | None = Field(description="null where the model read a sentence")
    text: str | None = Field(description="the sentence; null where the model saw a photo")
    geometry: Geometry | None
    predictions: list[Prediction]
    output: CaptionOutput | MaskOutput | SequenceOutput | None = Field(
        description="what the model answers with that is no class; else null"
    )
    sites: list[SiteSummary]
    maps: list[MapOffer] = Field(description="every map of the product, in a fixed order")
    warnings: list[str]
    timings_ms: dict[str, float]
    links: Links
    of: str | None = Field(default=None, description="the analysis that was edited; else null")
    edits: list[dict[str, Any]] = Field(default=[], description="what was changed, in order")
    change: Change | None = Field(
        default=None, description="what the edits changed of the answer; null where nothing was"
    )


class MeasuredApart(Schema):
    top1: float = Field(description="the share of photos whose class came first, on 0…1")
    photos: int = Field(description="how many; none was trained on or chosen by")
    by: str = Field(description="whose measurement it is")


class ModelSummary(Schema):
    id: str
    title: str
    summary: str
    mechanisms: list[str]
    task: str
    reads: Literal["photo", "text"]
    input_size: list[int] | None = Field(description="[height, width]; null: it reads sentences")
    source: Literal["bundled", "hub", "local"]
    status: Status
    classes: int | None = Field(description="how many it tells apart; null: none, or not known")
    parameters: int | None
    size_bytes: int | None
    metrics: dict[str, Any] = Field(description="on the validation part, as served")
    measured_apart: MeasuredApart | None = Field(
        None, description="a second score, on photos kept apart from training and choosing"
    )
    licence: str | None
    reason: str | None = Field(None, description="why it is unavailable")
    default: bool = Field(False, description="whether a photo without a model is given to it")


class Preprocessing(Schema):
    resize_px: int
    crop_px: list[int] = Field(description="[height, width]")
    interpolation: str
    mean: list[float]
    std: list[float]
    channels: int
    fit: str
    order: str = Field(description="of three channels: rgb or bgr")
    stretch_px: list[int] | None = Field(
        description="[height, width] that a photo is resized to, whatever its shape, before the "
        "centre is cut out; null where it keeps its shape"
    )
    centre_down: bool = Field(
        description="whether half a pixel of margin is left off at the top and left; else it is "
        "rounded to even"
    )


class Progress(Schema):
    received_bytes: int
    total_bytes: int | None


class ModelCard(ModelSummary):
    """Other facts about a model (data, recipe, command, …) appear under their own names."""

    model_config = ConfigDict(extra="allow")

    revision: str | None
    citation: str | None
    preprocessing: Preprocessing | None
    labels: list[str] | None = Field(description="of the classes, or the words it knows")
    progress: Progress | None
    job: str | None = Field(None, description="address of the download under way")


class NamedArray(Schema):
    """One array. `values` are nested as `axes` says; numbers that JSON lacks are null."""

    model_config = ConfigDict(extra="allow")

    sentence: str
    axes: list[str]
    shape: list[int]
    values: list[Any]
    prefix_values: list[Any] | None
    non_finite: int


class SamplingGrid(Schema):
    site: str
    theta: list[list[float]] | None = Field(description="null where no affine map gives the points")
    input: Grid
    output: Grid
    align_corners: bool
    points: list[Any] | None = Field(
        default=None,
        description="the points as shares of the first picture, where it is read through a sampler "
        "without theta",
    )
    sentence: str
    axes: list[str]
    shape: list[int]
    grid: list[Any]
    prefix_values: list[Any] | None
    non_finite: int


class Step(Schema):
    name: str
    sentence: str = Field(description="what is done")
    formula: str = Field(description="the same in symbols")
    module: str | None = Field(description="path of the module that did it, where that is known")
    axes: list[str]
    shape: list[int]
    values: list[Any] | float | None = Field(description="null where only the size is told")


class Steps(Schema):
    site: str
    kind: SiteKindName
    query: int | str | None = Field(default=None, description="the token, or row,col of the output")
    key: int | None = Field(default=None, description="whose key and value are shown, if asked")
    head: int | None = None
    window: int | None = None
    sentence: str
    steps: list[Step]
    non_finite: int


class Sum(Schema):
    kind: Literal["positions", "attention", "feed-forward", "other"]
    module: str = Field(description="path of the module that added it")
    site: str | None = Field(description="which attention it comes from")
    dim: int = Field(description="of the vectors")
    before: list[float | None] = Field(description="length of every token before")
    added: list[float | None] = Field(description="length of what is added")
    after: list[float | None] = Field(description="length after")
    kept: list[float | None] = Field(description="cosine of a token before and after")


class Stream(Schema):
    site: str
    sentence: str
    tokens: int
    prefix_tokens: int
    additions: list[Sum] = Field(description="in order; null for tokens that are not there yet")
    non_finite: int


class Figure(Schema):
    """The argument of Plotly.newPlot."""

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


def geometry_of(geometry: Placed) -> Geometry:
    """The JSON of the photo's place on the network's input."""
    return Geometry(
        image_to_input=[list(row) for row in geometry.image_to_input],
        input=Size(width=geometry.input_width, height=geometry.input_height),
        crop=list(geometry.crop),
    )


def analysis(
    kept: KeptAnalysis, subject: Subject, before: KeptAnalysis | None = None
) -> dict[str, Any]:
    """The JSON of an analysis (schema `Analysis`), without its arrays; before: the analysis that
    was edited, if available.
    """
    here = address(f"/v1/analyses/{kept.id}")
    photo, text, geometry = kept.photo, kept.text, kept.geometry
    input_px = None if geometry is None else (geometry.input_height, geometry.input_width)
    sites, maps = offers(subject, here, input_px)
    answer = output(kept.output, here)
    return {
        "id": kept.id,
        "model": kept.model.id,
        "image": None if photo is None else {"width": photo.width, "height": photo.height},
        "text": None if text is None else text.text,
        "geometry": None if geometry is None else geometry_of(geometry).model_dump(mode="json"),
        "predictions": [asdict(prediction) for prediction in kept.predictions],
        "output": None if answer is None else answer.model_dump(mode="json"),
        "sites": sites,
        "maps": maps,
        "warnings": list(kept.warnings),
        "timings_ms": {name: round(value, 3) for name, value in kept.timings_ms.items()},
        "links": {
            "self": here,
            "image": None if photo is None else f"{here}/image",
            "model": address(f"/v1/models/{kept.model.id}"),
        },
        "of": kept.of,
        "edits": [to_json(edit) for edit in kept.edits],
        "change": None if before is None else change_of(before, kept),
    }


def model_summary(spec: ModelSpec, status: Status, default: bool) -> ModelSummary:
    """One row of the catalogue."""
    return ModelSummary(**_summary_fields(spec), status=status, default=default)


def model_card(
    spec: ModelSpec,
    status: Status,
    default: bool,
    revision: str | None,
    received: tuple[int, int | None] | None,
    job: str | None = None,
) -> ModelCard:
    """All facts about a model."""
    return ModelCard(
        **spec.card,
        **_summary_fields(spec),
        status=status,
        default=default,
        revision=revision or spec.revision,
        citation=spec.citation,
        preprocessing=preprocessing_of(spec.preprocessing),
        labels=None if spec.labels is None else list(spec.labels),
        progress=received and Progress(received_bytes=received[0], total_bytes=received[1]),
        job=job,
    )


def preprocessing_of(wanted: Wanted | None) -> Preprocessing | None:
    """The JSON of the preprocessing."""
    if wanted is None:
        return None
    return Preprocessing(
        resize_px=wanted.resize_px,
        crop_px=list(wanted.crop_px),
        interpolation=wanted.interpolation,
        mean=list(wanted.mean),
        std=list(wanted.std),
        channels=wanted.channels,
        fit=wanted.fit,
        order=wanted.order,
        stretch_px=None if wanted.stretch_px is None else list(wanted.stretch_px),
        centre_down=wanted.centre_down,
    )


def _classes(spec: ModelSpec) -> int | None:
    """The number of classes; the labels of a network that writes are words."""
    if spec.labels is None or spec.task not in ("classification", "segmentation"):
        return None
    return len(spec.labels)


def _summary_fields(spec: ModelSpec) -> dict[str, Any]:
    names = (
        "id", "title", "summary", "task", "source", "parameters", "size_bytes", "licence",
        "reason",
    )  # fmt: skip
    return {
        **{name: getattr(spec, name) for name in names},
        "mechanisms": list(spec.mechanisms),
        "reads": task_of(spec.task).reads,
        "classes": _classes(spec),
        "input_size": spec.preprocessing and list(spec.preprocessing.crop_px),
        "metrics": dict(spec.metrics),
        "measured_apart": None if spec.apart is None else asdict(spec.apart),
    }
