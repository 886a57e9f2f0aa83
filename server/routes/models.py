"""The catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import TypeAdapter

from server import catalogue, errors, examples, schemas
from server.negotiation import JSON
from server.routes.common import EngineOf, in_thread, problems, tagged

router = APIRouter(prefix="/v1/models", tags=["models"])

ROWS = TypeAdapter(list[schemas.ModelSummary])


@router.get(
    "",
    response_model=list[schemas.ModelSummary],
    responses={200: {"content": {JSON: {"example": [examples.MODEL_SUMMARY]}}}},
)
async def list_models(
    request: Request,
    engine: EngineOf,
    search: Annotated[
        str, Query(max_length=200, description="words; with them the hub's models are listed too")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """The models: those that run without a download, and with `search` also those on the hub."""
    rows = await in_thread(catalogue.rows, engine.catalog, engine.shelf, search, limit)
    return tagged(request, ROWS.dump_json(rows))


@router.get(
    "/{model:path}",
    response_model=schemas.ModelCard,
    responses={
        200: {"content": {JSON: {"example": examples.MODEL_CARD}}},
        **problems(errors.UnknownModel),
    },
)
async def read_model(
    request: Request,
    engine: EngineOf,
    model: Annotated[str, Path(description="a model's id", examples=[examples.MODEL])],
) -> Response:
    """One card: citation, preprocessing, labels, and how far a download has come."""
    card = await in_thread(catalogue.card, engine.catalog, engine.shelf, model)
    return tagged(request, card.model_dump_json().encode())
