"""Sweeps: a job that measures the effect of each part, and its result."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from fovea.server import problems
from fovea.server.answers.long_work import begin
from fovea.server.answers.named_array import NamedArray
from fovea.server.http.parameters import ONLY_KNOWN, REPRESENTATION
from fovea.server.http.routes.common import (
    AnalysisOf,
    EngineOf,
    JobsOf,
    StyleOf,
    answer_array,
    documented,
    refusals,
)
from fovea.server.http.routes.jobs import answer
from fovea.server.wire import examples, job_schemas, schemas
from fovea.server.wire.asking import Strict
from fovea.server.wire.negotiation import CSV, JPEG, JSON, NPY, PNG, SAFETENSORS, WEBP

router = APIRouter(prefix="/v1/analyses/{id}/sweeps", tags=["what if"], dependencies=[ONLY_KNOWN])


class Sweep(Strict):
    """The parts to remove, one at a time."""

    over: Literal["heads", "layers", "channels", "patches"] = Field(examples=["heads"])
    site: str | None = Field(None, description="only this one; patches: whose cells")
    target: str | int | None = Field(None, description="the class; the predicted one if left out")
    fill: str = Field("mean", description="patches: mean, blur, grey or noise")
    block: int = Field(1, ge=1, le=1024, description="patches: cells each way, hidden together")
    stride: int | None = Field(
        None, ge=1, le=1024, description="patches: cells from one block to the next; block"
    )
    map: str | None = Field(
        None,
        description="patches: the map whose ρ with the effects is told; rollout, or else the first "
        "over the photo",
    )
    options: dict[str, Any] = Field({}, description="patches: of that map")


@router.post(
    "",
    status_code=202,
    response_model=job_schemas.Job,
    openapi_extra={
        "requestBody": {"content": {JSON: {"example": {"over": "heads", "target": "tabby"}}}}
    },
    responses={
        202: {"content": {JSON: {"example": examples.SWEEP_JOB}}},
        **refusals(
            problems.UnknownAnalysis,
            problems.AnalysisGone,
            problems.UnknownSite,
            problems.UnknownMap,
            problems.MapNotPossible,
            problems.EditRefused,
            problems.InvalidParameter,
            problems.QueueFull,
        ),
    },
)
async def sweep_analysis(
    engine: EngineOf, kept: JobsOf, analysis: AnalysisOf, body: Sweep
) -> Response:
    """Remove each head, layer, channel or patch, one at a time, and measure the effect on the
    answer.

    A job; its `result` answers an array. Invalid requests are refused before any pass runs.
    """
    job = await begin(engine, "sweep", analysis, body.model_dump())
    await kept.publish(job)
    return answer(job, engine.shelf.jobs, 202)


@router.get(
    "/{sweep}",
    response_model=schemas.NamedArray,
    dependencies=[REPRESENTATION],
    responses=documented(
        examples.SWEEP,
        PNG,
        NPY,
        SAFETENSORS,
        JPEG,
        WEBP,
        CSV,
        kinds=(
            problems.UnknownAnalysis,
            problems.AnalysisGone,
            problems.UnknownResult,
            problems.NotAcceptable,
            problems.TooLargeForJson,
        ),
    ),
)
async def read_sweep(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    sweep: Annotated[str, Path(description="a sweep", examples=["9c1e5b70a4d2c3f1"])],
    style: StyleOf,
) -> Response:
    """The effect of each part: the class logit of the whole network minus the logit without the
    part.

    `probability` contains the same for the probability, beside `values`. Positive: the part
    supports the class.
    """
    path = f"/v1/analyses/{analysis.id}/sweeps/{sweep}"
    found: NamedArray = await engine.results.get(path, analysis)

    async def compute() -> NamedArray:
        return found

    return await answer_array(request, engine, analysis, style, compute, claim="saliency")
