"""A photo in, an analysis out; the photo back; forgetting it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from server import errors, examples, render, schemas, upload
from server.negotiation import JPEG, JSON, PNG
from server.routes.common import AnalysisOf, EngineOf, conditional, in_thread, problems, unless_gone

router = APIRouter(prefix="/v1/analyses", tags=["analyses"])

LOSSLESS_UP_TO_PX = 1_000_000
"""Larger photos are sent as JPEG unless PNG is asked for: a PNG of 12 megapixels takes seconds."""

CLIENT_CLOSED_REQUEST = 499

_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "model": {"type": "string", "example": examples.MODEL},
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "",
    status_code=201,
    response_model=schemas.Analysis,
    openapi_extra=_UPLOAD,
    responses={
        201: {"content": {JSON: {"example": examples.ANALYSIS}}},
        **problems(
            *errors.BadPhoto.__subclasses__(),
            errors.MalformedBody,
            errors.TooLarge,
            errors.UploadTimeout,
            errors.UnknownModel,
            errors.QueueFull,
            errors.OutOfMemory,
            errors.ModelNotLocal,
            errors.CorruptWeights,
            errors.UnsuitableModel,
        ),
    },
)
async def analyse(
    request: Request,
    engine: EngineOf,
    model: Annotated[
        str | None,
        Query(description="a model's id; the form's field is the same", examples=[examples.MODEL]),
    ] = None,
) -> Response:
    """Look at a photo with a network and keep what it attended to.

    The same photo and model give the same id, and while the analysis is kept it is not computed
    again.
    """
    sent = await upload.read(request)
    kept = await unless_gone(request, engine.analyse(sent.data, sent.model or model))
    if kept is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    body = await in_thread(schemas.analysis, kept)
    timing = ", ".join(f"{name};dur={ms}" for name, ms in body.timings_ms.items())
    return Response(
        body.model_dump_json(),
        status_code=201,
        media_type=JSON,
        headers={"Location": body.links.self, "Server-Timing": timing},
    )


@router.get(
    "/{id}",
    response_model=schemas.Analysis,
    responses={
        200: {"content": {JSON: {"example": examples.ANALYSIS}}},
        304: {"description": "Not modified"},
        **problems(errors.UnknownAnalysis, errors.AnalysisGone, errors.NotAcceptable),
    },
)
async def read(request: Request, analysis: AnalysisOf) -> Response:
    """What was found, site by site, without the arrays."""
    return await conditional(
        request,
        analysis.serial,
        (JSON,),
        lambda _: schemas.analysis(analysis).model_dump_json().encode(),
    )


@router.delete(
    "/{id}",
    status_code=204,
    responses=problems(errors.UnknownAnalysis, errors.AnalysisGone),
)
async def forget(engine: EngineOf, analysis: AnalysisOf) -> Response:
    """Forget the analysis and its photo."""
    engine.store.forget(analysis.id)
    return Response(status_code=204)


@router.get(
    "/{id}/image",
    response_class=Response,
    responses={
        200: {
            "content": {
                media: {"schema": {"type": "string", "format": "binary"}} for media in (PNG, JPEG)
            }
        },
        304: {"description": "Not modified"},
        **problems(errors.UnknownAnalysis, errors.AnalysisGone, errors.NotAcceptable),
    },
)
async def image(request: Request, analysis: AnalysisOf) -> Response:
    """The photo as it was analysed: upright, sRGB, without the notes its file carried."""
    photo = analysis.photo
    small = photo.width * photo.height <= LOSSLESS_UP_TO_PX
    return await conditional(
        request,
        photo.digest,
        (PNG, JPEG) if small else (JPEG, PNG),
        lambda media: render.photograph(photo.pixels, media),
    )
