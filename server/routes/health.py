"""Alive, able, and how it is doing."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from server import errors, schemas
from server.metrics import Metrics
from server.negotiation import JSON
from server.routes.common import EngineOf, problems

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={200: {"content": {JSON: {"example": {"status": "alive"}}}}})
async def alive() -> schemas.Health:
    """The server answers."""
    return schemas.Health(status="alive")


@router.get(
    "/readyz",
    responses={
        200: {"content": {JSON: {"example": {"status": "ready"}}}},
        **problems(errors.NotReady),
    },
)
async def ready(engine: EngineOf) -> schemas.Health:
    """The default model has looked at a picture."""
    if engine.not_ready is not None:
        raise errors.NotReady(engine.not_ready)
    return schemas.Health(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": "fovea_ready 1.0\n"}}}},
)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    kept: Metrics = request.app.state.metrics
    return Response(kept.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
