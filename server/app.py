"""Builds the ASGI application from the settings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from fovea.models.catalog.catalog import Catalog
from fovea.models.version import VERSION
from fovea.server import problems
from fovea.server.answers import kept_results
from fovea.server.answers.long_work import begin
from fovea.server.engine.batches import Batches
from fovea.server.engine.engine import Engine
from fovea.server.engine.job_store import JobStore
from fovea.server.engine.jobs import Job
from fovea.server.engine.recall import Recall
from fovea.server.http import contract, pages
from fovea.server.http.answering import in_thread, tagged
from fovea.server.http.context import Context
from fovea.server.http.forwarded import Forwarded
from fovea.server.http.language import Language
from fovea.server.http.limits import BodyLimits
from fovea.server.http.metrics import Metrics
from fovea.server.http.problem_details import problem_response
from fovea.server.http.routes import (
    analyses,
    batches,
    evidence,
    health,
    jobs,
    maps,
    models,
    sites,
    sweeps,
    what_if,
)
from fovea.server.http.security import Security, Trust, cross_origin, security_headers
from fovea.server.settings import Settings, load
from fovea.server.storage.archive import open_archive

log = logging.getLogger("fovea.models")

ROUTERS = tuple(
    routes.router
    for routes in (
        analyses,
        what_if,
        sweeps,
        evidence,
        batches,
        sites,
        maps,
        models,
        jobs,
        health,
        pages,
    )
)

DESCRIPTION = """
Drop a photo and see what a vision network attended to.

`POST /v1/analyses` a photo; the answer lists the network's sites; ask each for its maps as JSON,
PNG, npy or safetensors (`Accept`). Errors are problem details (RFC 9457).
"""


def create_app(settings: Settings | None = None, catalog: Catalog | None = None) -> FastAPI:
    """A self-contained server; its engine lives from start-up to shutdown."""
    archive, settings = open_archive(settings or load())
    networks = catalog or Catalog(
        settings.weights_dir, settings.cache_dir, settings.models_dir, offline=settings.offline
    )
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = Engine(networks, settings, archive=archive)
        metrics.watch(engine)
        app.state.engine, app.state.metrics = engine, metrics
        app.state.recall = recall = Recall(engine)
        app.state.batches = Batches(engine, recall)
        engine.results.form = kept_results.FORM

        async def again(told: Mapping[str, Any]) -> Job:
            if told["kind"] == "batch":
                return await app.state.batches.again(told)  # type: ignore[no-any-return]
            analysis = await recall.get(told["analysis"])
            return await begin(engine, told["kind"], analysis, told["asked"], told["id"])

        app.state.jobs = kept_jobs = JobStore(engine.shelf.jobs, archive, again)
        kept = (archive.keep_sweeping(), kept_jobs.keep_telling()) if archive else ()
        minding = [asyncio.create_task(one) for one in kept]
        complaining = asyncio.create_task(asyncio.to_thread(_complain, networks))
        try:
            yield
        finally:
            await complaining
            for task in minding:
                task.cancel()
            engine.shelf.jobs.close()
            await kept_jobs.release()
            await engine.close()

    app = FastAPI(
        title="Fovea",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/openapi.json", _contract, include_in_schema=False)
    app.router.default = pages.Page()
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    # Middleware added last is outermost. BodyLimits must be outside of Context, so that the problem
    # responses that Context makes pass through it.
    app.add_middleware(Security, trust=Trust.of(settings))
    app.add_middleware(Context, metrics=metrics, headers=security_headers(settings.frame_ancestors))
    if settings.allowed_origins:
        app.add_middleware(CORSMiddleware, **cross_origin(settings))
    app.add_middleware(
        BodyLimits,
        max_bytes=settings.max_upload_bytes,
        timeout_s=settings.upload_timeout_s,
        batch_bytes=settings.batch_bytes,
    )
    app.add_middleware(Language)
    app.add_middleware(Forwarded, root_path=settings.root_path, trusted=settings.trusted_proxies)
    contract.document(app, settings)
    return app


def _complain(networks: Catalog) -> None:
    """Logs mistakes in the model folders: the models concerned are unusable, all others work."""
    for line in networks.complaints():
        log.warning("%s", line)


async def _contract(request: Request) -> Response:
    """The OpenAPI document; the first call takes half a second."""
    document = await in_thread(request.app.openapi)
    return tagged(request, orjson.dumps(document))


async def _on_invalid(request: Request, error: Exception) -> Response:
    """Translates FastAPI's validation errors into our problems."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"parameter": str(fault["loc"][-1]), "message": fault["msg"]} for fault in error.errors()
    ]
    detail = "; ".join(f"{fault['parameter']}: {fault['message']}" for fault in faults)
    return problem_response(problems.InvalidParameter(detail, errors=faults), request.scope)


def _allowed(request: Request) -> set[str]:
    """The methods that any route accepts at this address."""
    found: set[str] = set()
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.path_regex.match(request.scope["path"]):
                found |= route.methods or set()
    found = found or {"GET"}  # the page's files and other mounts beside the routers
    return found | ({"HEAD"} if "GET" in found else set())


async def _on_http(request: Request, error: Exception) -> Response:
    """Handles what Starlette raises itself: unknown address or wrong method."""
    assert isinstance(error, HTTPException)
    problem: problems.Problem
    if error.status_code == 405:
        allow = ", ".join(sorted(_allowed(request)))
        problem = problems.MethodNotAllowed(
            f"{request.method} is not possible here; {allow} is.", headers={"Allow": allow}
        )
    elif error.status_code == 404:
        problem = problems.NotFound(f"There is nothing at {request.url.path[:200]}.")
    elif error.status_code < 500:
        problem = problems.MalformedBody(str(error.detail))
    else:
        problem = problems.Internal("The server met an error that it did not foresee.")
    return problem_response(problem, request.scope)
