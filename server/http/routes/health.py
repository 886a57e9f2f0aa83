"""Liveness, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from fovea.server import problems
from fovea.server.http.metrics import Metrics
from fovea.server.http.parameters import ONLY_KNOWN
from fovea.server.http.routes.common import (
    EngineOf,
    refusals,
)
from fovea.server.wire import schemas
from fovea.server.wire.negotiation import JSON

router = APIRouter(tags=["health"], dependencies=[ONLY_KNOWN])


@router.get("/healthz", responses={200: {"content": {JSON: {"example": {"status": "alive"}}}}})
async def alive() -> schemas.Health:
    """The server is running."""
    return schemas.Health(status="alive")


@router.get(
    "/readyz",
    responses={
        200: {"content": {JSON: {"example": {"status": "ready"}}}},
        **refusals(problems.NotReady),
    },
)
async def ready(engine: EngineOf) -> schemas.Health:
    """The default model has processed an image."""
    if engine.not_ready is not None:
        raise problems.NotReady(engine.not_ready)
    return schemas.Health(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": "fovea_ready 1.0\n"}}}},
)
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    kept: Metrics = request.app.state.metrics
    return Response(kept.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
