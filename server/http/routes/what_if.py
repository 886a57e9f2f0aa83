"""Edited analyses, which are analyses of their own."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from fovea.models.edits import Edit, RefusedEdit, from_json
from fovea.models.methods.base import Subject
from fovea.server import problems
from fovea.server.answers.subject import learned_of
from fovea.server.engine.analysis import Analysis
from fovea.server.http import security
from fovea.server.http.answering import CLIENT_CLOSED_REQUEST, in_thread, unless_gone
from fovea.server.http.routes.common import AnalysisOf, EngineOf, RecallOf, refusals
from fovea.server.wire import examples, schemas
from fovea.server.wire.negotiation import JSON

router = APIRouter(prefix="/v1/analyses/{id}", tags=["what if"])


class Edits(BaseModel, extra="forbid"):
    """The edits, in any order; they apply in execution order."""

    edits: list[dict[str, Any]] = Field(examples=[examples.EDITS], max_length=256)


@router.post(
    "/edits",
    status_code=201,
    response_model=schemas.Analysis,
    responses={
        201: {
            "description": "The edited analysis; its Location is its address",
            "content": {JSON: {"example": examples.ANALYSIS}},
        },
        **refusals(
            problems.UnknownAnalysis,
            problems.AnalysisGone,
            problems.EditRefused,
            problems.InvalidParameter,
            problems.QueueFull,
            problems.OutOfMemory,
        ),
    },
)
async def edit_analysis(
    request: Request, engine: EngineOf, recall: RecallOf, analysis: AnalysisOf, body: Edits
) -> Response:
    """Analyse again with edits: heads off, tokens blocked, a gate shut, another θ, …

    The answer is an analysis like any other, with `of`, `edits` and `change`; equal edits give
    equal ids; edits of an edited analysis are added to its own. docs/what-if.md lists every edit.
    """
    edits = _read(body.edits)

    async def look() -> tuple[Analysis, Subject]:
        base = await recall.base(analysis)
        kept = await engine.edited(base, (*analysis.edits, *edits))
        return kept, await learned_of(engine, kept)

    found = await unless_gone(request, look())
    if found is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    kept, subject = found
    maker = security.maker_of(request) or security.new_maker()
    await recall.sign(kept.id, maker)
    before = await recall.before(kept)
    answer = await in_thread(schemas.analysis, kept, subject, before)
    response = Response(
        orjson.dumps(answer),
        status_code=201,
        media_type=JSON,
        headers={"Location": answer["links"]["self"]},
    )
    security.sign(response, request, maker, framed=bool(engine.settings.frame_ancestors))
    return response


def _read(given: list[dict[str, Any]]) -> tuple[Edit, ...]:
    try:
        return tuple(from_json(one) for one in given)
    except RefusedEdit as error:
        raise problems.EditRefused(str(error), hint=error.hint or None) from error
