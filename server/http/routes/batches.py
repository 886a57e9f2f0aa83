"""Many photos at once: a form in, a job out, with an entry for each photo."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.requests import ClientDisconnect

from fovea.server import problems
from fovea.server.engine.batches import Batch, Batches
from fovea.server.http import security
from fovea.server.http.answering import CLIENT_CLOSED_REQUEST, tagged
from fovea.server.http.batch_upload import (
    PIECE,
    Bounds,
    Photos,
    ReceivedPhoto,
    boundary_of,
    one_model,
)
from fovea.server.http.parameters import ONLY_KNOWN, REPRESENTATION
from fovea.server.http.routes.common import EngineOf, JobsOf, ModelOf, refusals
from fovea.server.http.routes.jobs import answer
from fovea.server.wire import batch_schemas, examples, job_schemas
from fovea.server.wire.negotiation import JSON

router = APIRouter(prefix="/v1/batches", tags=["batches"], dependencies=[ONLY_KNOWN])

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "model": {
                            "type": "string",
                            "description": "before the photos",
                            "example": examples.MODEL,
                        },
                        "image": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                        },
                    },
                    "additionalProperties": False,
                }
            }
        },
    }
}


async def _batches(request: Request) -> Batches:
    batches: Batches = request.app.state.batches
    return batches


BatchesOf = Annotated[Batches, Depends(_batches)]


@router.post(
    "",
    status_code=202,
    response_model=job_schemas.Job,
    openapi_extra=_FORM,
    responses={
        202: {
            "description": "The job; its `result` is the batch",
            "content": {JSON: {"example": examples.BATCH_JOB}},
        },
        **refusals(
            problems.MissingImage,
            problems.UnsupportedFormat,
            problems.MalformedBody,
            problems.InvalidParameter,
            problems.TooLarge,
            problems.UploadTimeout,
            problems.UnknownModel,
            problems.QueueFull,
            problems.JobCancelled,
        ),
    },
)
async def send_batch(
    request: Request,
    engine: EngineOf,
    batches: BatchesOf,
    jobs: JobsOf,
    model: ModelOf = None,
) -> Response:
    """Analyse many photos with one network: each gets an entry, with an analysis or a problem.

    Analysis starts during the upload, so a batch may exceed the server's memory. A photo that fails
    does not affect the others; an invalid form is refused and its results are deleted. Cancelling
    the job cancels everything.
    """
    boundary_of(request)
    settings = engine.settings
    bounds = Bounds(settings.batch_photos, settings.max_upload_bytes, settings.batch_bytes)
    maker = security.maker_of(request) or security.new_maker()
    batch: Batch | None = None
    nbytes = bounds.share(request, engine.uploads)
    share = await engine.uploads.take(nbytes)
    photos = Photos(request, engine.uploads, bounds, nbytes)
    waiting: list[ReceivedPhoto] = []
    try:
        async for sent, coming in photos:
            waiting += sent
            named = one_model(model, photos.model)
            if batch is None and named is not None and waiting:
                batch = await batches.begin(named, maker, share)
            if batch is None:
                _check_room(waiting, coming, nbytes)
                continue
            if not batch.job.active:
                raise problems.JobCancelled("The batch was cancelled while it was sent.")
            _add(batches, batch, waiting)
            await batches.room(batch, coming + PIECE)
        if batch is None:
            batch = await batches.begin(await engine.default_model(), maker, share)
        _add(batches, batch, waiting)
        await batches.close(batch)
    except BaseException as error:
        if batch is not None:
            await batches.refuse(batch)
        if isinstance(error, ClientDisconnect):
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        raise
    finally:
        if batch is None:
            share.keep(0)
    await jobs.publish(batch.job)
    response = answer(batch.job, engine.shelf.jobs, 202)
    security.sign(response, request, maker, framed=bool(settings.frame_ancestors))
    return response


@router.get(
    "/{id}",
    response_model=batch_schemas.Batch,
    dependencies=[REPRESENTATION],
    responses={
        200: {"content": {JSON: {"example": examples.BATCH}}},
        304: {"description": "Not modified"},
        **refusals(problems.UnknownJob, problems.NotAcceptable),
    },
)
async def read_batch(
    request: Request,
    batches: BatchesOf,
    jobs: JobsOf,
    id: Annotated[str, Path(description="a batch", examples=[examples.BATCH["id"]])],
) -> Response:
    """The current state of each photo, in the order in which they were sent."""
    batch = batches.find(id)
    if batch is None:
        job = await jobs.get(id)
        batch = batches.find(id) or Batch.of_archive(job, await jobs.entries(id))
    body = batch_schemas.batch(batch)
    return tagged(request, body.model_dump_json().encode())


def _add(batches: Batches, batch: Batch, waiting: list[ReceivedPhoto]) -> None:
    for one in waiting:
        batches.add(batch, one.name, one.photo)
    waiting.clear()


def _check_room(waiting: list[ReceivedPhoto], coming: int, nbytes: int) -> None:
    """Photos must be held until their model is known."""
    held = sum(len(one.photo) for one in waiting if isinstance(one.photo, bytes))
    if held and held + coming + PIECE > nbytes:
        raise problems.InvalidParameter(
            f"No model was named before the first {len(waiting)} photos, and no more of them can "
            "be kept until it is known.",
            hint="Name the model before the photos, or in the address: /v1/batches?model=…",
            parameter="model",
        )
