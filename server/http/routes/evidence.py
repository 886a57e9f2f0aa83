"""Evidence for a map: a job that measures it, and its result."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from fovea.models.judging.measures import Measure
from fovea.server import problems
from fovea.server.answers.long_work import begin
from fovea.server.http.answering import tagged
from fovea.server.http.parameters import ONLY_KNOWN
from fovea.server.http.routes.common import AnalysisOf, EngineOf, JobsOf, documented, refusals
from fovea.server.http.routes.jobs import answer
from fovea.server.wire import evidence_schemas, examples, job_schemas
from fovea.server.wire.asking import Strict
from fovea.server.wire.negotiation import JSON

router = APIRouter(prefix="/v1/analyses/{id}/evidence", tags=["what if"], dependencies=[ONLY_KNOWN])


class Measurement(Strict):
    """The map to measure, and the measure."""

    map: str = Field(examples=["rollout"])
    measure: Measure = Field(examples=["deletion"])
    options: dict[str, Any] = Field({}, description="of the map")
    target: str | int | None = Field(None, description="the class; the predicted one if left out")
    fill: str | None = Field(
        None,
        description="what hidden cells show: mean, blur, grey, noise; insertion begins with it",
    )
    steps: int | None = Field(None, description="at most so many passes for one curve (24)")
    protocol: str | None = Field(None, description="rise: as Petsiuk et al. 2018, to the pixel")
    mask: Any = Field(
        None,
        description="truth: rows of 0 and 1 as large as the photo, or "
        '{"boxes": [[left, top, right, bottom]]} in its pixels',
        examples=[{"boxes": [[10, 20, 110, 90]]}],
    )


@router.post(
    "",
    status_code=202,
    response_model=job_schemas.Job,
    openapi_extra={
        "requestBody": {"content": {JSON: {"example": {"map": "rollout", "measure": "deletion"}}}}
    },
    responses={
        202: {"content": {JSON: {"example": examples.EVIDENCE_JOB}}},
        **refusals(
            problems.UnknownAnalysis,
            problems.AnalysisGone,
            problems.UnknownSite,
            problems.UnknownMap,
            problems.MapNotPossible,
            problems.InvalidParameter,
            problems.QueueFull,
        ),
    },
)
async def measure_map(
    engine: EngineOf, kept: JobsOf, analysis: AnalysisOf, body: Measurement
) -> Response:
    """Measure whether the regions that a map marks matter: deletion, insertion, ROAD, random
    weights, or a ground truth.

    A job; its `result` answers a score beside those of baseline maps.
    """
    job = await begin(engine, "evidence", analysis, body.model_dump())
    await kept.publish(job)
    return answer(job, engine.shelf.jobs, 202)


@router.get(
    "/{evidence}",
    response_model=evidence_schemas.Evidence,
    responses=documented(
        examples.EVIDENCE,
        kinds=(problems.UnknownAnalysis, problems.AnalysisGone, problems.UnknownResult),
    ),
)
async def read_evidence(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    evidence: Annotated[str, Path(description="a measurement", examples=["9c1e5b70a4d2c3f1"])],
) -> Response:
    """The score, its curve, the baselines' scores and one sentence that compares them."""
    path = f"/v1/analyses/{analysis.id}/evidence/{evidence}"
    found = await engine.results.get(path, analysis)
    body = evidence_schemas.Evidence.model_validate(found)
    return tagged(request, body.model_dump_json().encode())
