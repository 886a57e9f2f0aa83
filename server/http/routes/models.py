"""The catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import TypeAdapter

from fovea.server import problems
from fovea.server.engine.engine import Engine
from fovea.server.http.answering import in_thread, tagged
from fovea.server.http.parameters import ONLY_KNOWN, REPRESENTATION
from fovea.server.http.routes.common import EngineOf, refusals
from fovea.server.http.routes.jobs import answer
from fovea.server.wire import examples, job_schemas, schemas
from fovea.server.wire import model_cards as catalogue
from fovea.server.wire.negotiation import JSON

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[ONLY_KNOWN])

ROWS = TypeAdapter(list[schemas.ModelSummary])


@router.get(
    "",
    response_model=list[schemas.ModelSummary],
    dependencies=[REPRESENTATION],
    responses={200: {"content": {JSON: {"example": [examples.MODEL_SUMMARY]}}}},
)
async def list_models(
    request: Request,
    engine: EngineOf,
    search: Annotated[
        str, Query(max_length=200, description="words; with them the hub's models are listed too")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    mechanism: Annotated[
        str | None,
        Query(max_length=100, description="only models that have it", examples=["cbam"]),
    ] = None,
    task: Annotated[
        str | None,
        Query(max_length=100, description="only models for it", examples=["classification"]),
    ] = None,
) -> Response:
    """The models that need no download, and with `search` also those on the hub."""
    rows = await in_thread(
        catalogue.rows,
        engine.catalog,
        engine.shelf,
        catalogue.ModelQuery(search, limit, mechanism, task),
        await _default(engine),
    )
    return tagged(request, ROWS.dump_json(rows))


@router.get(
    "/{model:path}",
    response_model=schemas.ModelCard,
    dependencies=[REPRESENTATION],
    responses={
        200: {"content": {JSON: {"example": examples.MODEL_CARD}}},
        **refusals(problems.UnknownModel),
    },
)
async def read_model(
    request: Request,
    engine: EngineOf,
    model: Annotated[str, Path(description="a model's id", examples=[examples.MODEL])],
) -> Response:
    """A model's card: citation, preprocessing, labels, and the state of its download."""
    card = await in_thread(
        catalogue.card, engine.catalog, engine.shelf, model, await _default(engine)
    )
    return tagged(request, card.model_dump_json().encode())


@router.post(
    "/{model:path}/download",
    status_code=202,
    response_model=job_schemas.Job,
    responses={
        202: {"content": {JSON: {"example": examples.JOB}}},
        **refusals(problems.UnknownModel, problems.ModelNotLocal, problems.UnsafeCheckpoint),
    },
)
async def download(
    engine: EngineOf,
    model: Annotated[str, Path(description="a model's id", examples=[examples.MODEL])],
) -> Response:
    """Download the model's weights from the hub, as a job; `Location` is its address.

    Concurrent requests share one download. Existing weights are verified, and fetched again if they
    are damaged.
    """
    return answer(await engine.shelf.download(model), engine.shelf.jobs, 202)


async def _default(engine: Engine) -> str | None:
    """The model for photo requests that name none; None if there is none."""
    try:
        return await engine.default_model()
    except problems.NotReady:
        return None
