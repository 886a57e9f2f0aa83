"""The catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from server import catalogue, errors, examples, schemas
from server.negotiation import JSON
from server.routes.common import EngineOf, in_thread, problems

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get(
    "",
    responses={200: {"content": {JSON: {"example": [examples.MODEL_SUMMARY]}}}},
)
async def list_models(
    engine: EngineOf,
    search: Annotated[
        str, Query(max_length=200, description="words; with them the hub's models are listed too")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[schemas.ModelSummary]:
    """The models: those that run without a download, and with `search` also those on the hub."""
    return await in_thread(catalogue.rows, engine.catalog, engine.shelf, search, limit)


@router.get(
    "/{model:path}",
    responses={
        200: {"content": {JSON: {"example": examples.MODEL_CARD}}},
        **problems(errors.UnknownModel),
    },
)
async def read_model(
    engine: EngineOf,
    model: Annotated[str, Path(description="a model's id", examples=[examples.MODEL])],
) -> schemas.ModelCard:
    """One card: citation, preprocessing, labels, and how far a download has come."""
    return await in_thread(catalogue.card, engine.catalog, engine.shelf, model)
