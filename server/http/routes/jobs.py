"""Jobs: status, events and cancellation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse

from fovea.server import problems
from fovea.server.engine.job_store import JobStore
from fovea.server.engine.jobs import Job, Jobs
from fovea.server.http.parameters import ONLY_KNOWN
from fovea.server.http.routes.common import (
    EngineOf,
    JobsOf,
    refusals,
)
from fovea.server.wire import examples, job_schemas
from fovea.server.wire.negotiation import JSON

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[ONLY_KNOWN])

EVENTS = "text/event-stream"
QUIET_S = 15.0
"""Longest silence of a stream, as proxies close connections that seem dead."""
LAST = "end"
"""Id of a stream's last event; a reconnecting browser sends it."""

NEVER_CACHED = {"Cache-Control": "no-store"}


async def _job(
    jobs: JobsOf,
    id: Annotated[str, Path(description="a job", examples=[examples.JOB["id"]])],
) -> Job:
    return await jobs.get(id)


JobOf = Annotated[Job, Depends(_job)]


@router.get(
    "/{id}",
    response_model=job_schemas.Job,
    responses={
        200: {"content": {JSON: {"example": examples.JOB}}},
        **refusals(problems.UnknownJob),
    },
)
async def read_job(engine: EngineOf, job: JobOf) -> Response:
    """Progress in bytes or passes, rate, time left, position in the queue, and the result's address
    or the reason of a failure.
    """
    return answer(job, engine.shelf.jobs)


@router.get(
    "/{id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {EVENTS: {"example": "event: job\ndata: {…}\n\n"}}},
        204: {"description": "The client has had the last event already"},
        **refusals(problems.UnknownJob),
    },
)
async def follow_job(request: Request, engine: EngineOf, jobs: JobsOf, job: JobOf) -> Response:
    """The job as server-sent events, whenever it changes; the stream ends with the job.

    Each event is called `job`, and its data is the answer of `GET /v1/jobs/{id}`. Closing the
    stream does not affect the job.
    """
    if request.headers.get("last-event-id") == LAST and not job.active:
        return Response(status_code=204, headers=NEVER_CACHED)  # the browser stops reconnecting
    return StreamingResponse(
        _stream(job, jobs, engine.shelf.jobs), media_type=EVENTS, headers=NEVER_CACHED
    )


@router.delete(
    "/{id}",
    response_model=job_schemas.Job,
    responses={
        200: {"content": {JSON: {"example": {**examples.JOB, "state": "cancelled"}}}},
        **refusals(problems.UnknownJob),
    },
)
async def cancel_job(engine: EngineOf, jobs: JobsOf, job: JobOf) -> Response:
    """Cancel the job. A partial download is kept and resumed by the next one; a sweep runs no
    further passes.

    A finished job is not changed.
    """
    return answer(await jobs.cancel(job), engine.shelf.jobs)


def answer(job: Job, jobs: Jobs, status: int = 200) -> Response:
    """The job as JSON."""
    body = job_schemas.job(job, jobs)
    headers = {**NEVER_CACHED, **({"Location": body.links.self} if status == 202 else {})}
    return Response(body.model_dump_json(), status, headers, JSON)


async def _stream(first: Job, kept: JobStore, jobs: Jobs) -> AsyncIterator[str]:
    before, told = "", monotonic()
    async for job in kept.follow(first):
        now = job_schemas.job(job, jobs).model_dump_json()
        last = f"id: {LAST}\n" if not job.active else ""
        if now != before:
            yield f"{last}event: job\ndata: {now}\n\n"
            before, told = now, monotonic()
        elif monotonic() - told > QUIET_S:
            yield ": still here\n\n"
            told = monotonic()
