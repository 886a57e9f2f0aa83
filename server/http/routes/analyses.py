"""Creates analyses from photos or sentences; returns the photo or mask; deletes analyses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from fovea.models.methods.base import Subject
from fovea.models.running.tasks import Search
from fovea.server import problems
from fovea.server.answers.named_array import NamedArray
from fovea.server.answers.subject import learned_of
from fovea.server.engine.analysis import Analysis
from fovea.server.http import security, upload
from fovea.server.http.answering import (
    CLIENT_CLOSED_REQUEST,
    conditional,
    drawn,
    in_thread,
    unless_gone,
)
from fovea.server.http.parameters import ONLY_KNOWN, REPRESENTATION
from fovea.server.http.routes.common import (
    AnalysisOf,
    EngineOf,
    ModelOf,
    RecallOf,
    WidthOf,
    documented,
    refusals,
)
from fovea.server.http.upload import LONGEST_NGRAM, MOST_BEAMS
from fovea.server.wire import encode, examples, masks, outputs, schemas
from fovea.server.wire.negotiation import CSV, JPEG, JSON, NPY, PNG, WEBP
from fovea.server.wire.pictures import PICTURES, size_at
from fovea.server.wire.render import photograph

router = APIRouter(prefix="/v1/analyses", tags=["analyses"], dependencies=[ONLY_KNOWN])

LOSSLESS_UP_TO_PX = 1_000_000
"""Larger photos are sent as JPEG unless PNG is requested: a 12-megapixel PNG takes seconds."""


_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "text": {
                            "type": "string",
                            "description": "instead, for a model that reads",
                        },
                        "model": {"type": "string", "example": examples.MODEL},
                        "beams": {"type": "integer", "minimum": 1, "maximum": MOST_BEAMS},
                        "no_repeat_ngram": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": LONGEST_NGRAM,
                        },
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["text"],
                    "properties": {
                        "text": {"type": "string"},
                        "model": {"type": "string"},
                        "beams": {"type": "integer", "minimum": 1, "maximum": MOST_BEAMS},
                        "no_repeat_ngram": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": LONGEST_NGRAM,
                        },
                    },
                    "additionalProperties": False,
                },
                "example": examples.SENTENCE,
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
        **refusals(
            *problems.BadPhoto.__subclasses__(),
            *problems.BadText.__subclasses__(),
            problems.MalformedBody,
            problems.InvalidParameter,
            problems.TooLarge,
            problems.UploadTimeout,
            problems.UnknownModel,
            problems.QueueFull,
            problems.OutOfMemory,
            problems.ModelNotLocal,
            problems.CorruptWeights,
            problems.UnsuitableModel,
            problems.InvalidModelFile,
            problems.DownloadCancelled,
        ),
    },
)
async def analyse(
    request: Request,
    engine: EngineOf,
    recall: RecallOf,
    model: ModelOf = None,
    beams: Annotated[
        int,
        Query(
            ge=1,
            le=MOST_BEAMS,
            description="for models that write: how many beginnings are followed at once; with 1 "
            "each word is the likeliest one",
        ),
    ] = 1,
    no_repeat_ngram: Annotated[
        int,
        Query(
            ge=0,
            le=LONGEST_NGRAM,
            description="for models that write: so many words never stand twice in the same order; "
            "with 0 they may",
        ),
    ] = 0,
) -> Response:
    """Analyse a photo or a sentence with a network and keep the result.

    The same photo or sentence and model give the same id; while the analysis is kept it is not
    computed again.
    """
    engine.check_room()
    async with upload.read(request, engine.uploads, engine.settings.max_upload_bytes) as sent:
        search = Search(beams, no_repeat_ngram)
        chosen, search = sent.with_query(request.query_params, model, search)
        asked = engine.analyse(sent.take(), chosen, search, sent.done)

        async def analysed() -> tuple[Analysis, Subject]:
            kept = await asked
            return kept, await learned_of(engine, kept)

        found = await unless_gone(request, analysed())
    if found is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    kept, subject = found
    maker = security.maker_of(request) or security.new_maker()
    await recall.sign(kept.id, maker)

    def told() -> tuple[bytes, dict[str, str]]:
        body = schemas.analysis(kept, subject)
        timing = ", ".join(f"{name};dur={ms}" for name, ms in body["timings_ms"].items())
        headers = {"Location": body["links"]["self"], "Server-Timing": timing}
        return orjson.dumps(body), headers

    content, headers = await in_thread(told)
    response = Response(content, status_code=201, media_type=JSON, headers=headers)
    security.sign(response, request, maker, framed=bool(engine.settings.frame_ancestors))
    return response


@router.get(
    "/{id}",
    response_model=schemas.Analysis,
    dependencies=[REPRESENTATION],
    responses={
        200: {"content": {JSON: {"example": examples.ANALYSIS}}},
        304: {"description": "Not modified"},
        **refusals(problems.UnknownAnalysis, problems.AnalysisGone, problems.NotAcceptable),
    },
)
async def read_analysis(
    request: Request, engine: EngineOf, recall: RecallOf, analysis: AnalysisOf
) -> Response:
    """The analysis with its sites, without arrays, and the maps that it offers."""

    async def make(_: str) -> bytes:
        before = await recall.before(analysis)
        subject = await learned_of(engine, analysis)
        return await in_thread(lambda: orjson.dumps(schemas.analysis(analysis, subject, before)))

    return await conditional(request, analysis.serial, (JSON,), make)


@router.delete(
    "/{id}",
    status_code=204,
    responses=refusals(problems.UnknownAnalysis, problems.AnalysisGone, problems.NotYours),
)
async def forget_analysis(
    request: Request,
    recall: RecallOf,
    id: Annotated[str, Path(description="an analysis", examples=["3f0c51a2b7d94e60c1ab"])],
) -> Response:
    """Delete the analysis and its photo: for its maker, identified by the cookie or the header
    `Fovea-Key` that came with it, or for everyone with the server's token.

    If several clients made the same one, it is deleted with the last of them.
    """
    maker, operator = security.maker_of(request), request.state.operator
    if not operator and await recall.known(id):
        security.check_may_forget(await recall.made(id, maker))
    await recall.forget(id, None if operator else maker)
    return Response(status_code=204)


@router.get(
    "/{id}/image",
    response_class=Response,
    dependencies=[REPRESENTATION],
    responses={
        200: {
            "content": {
                media: {"schema": {"type": "string", "format": "binary"}} for media in PICTURES
            }
        },
        304: {"description": "Not modified"},
        **refusals(
            problems.UnknownAnalysis,
            problems.AnalysisGone,
            problems.NotFound,
            problems.NotAcceptable,
        ),
    },
)
async def read_image(
    request: Request, engine: EngineOf, analysis: AnalysisOf, width: WidthOf = None
) -> Response:
    """The photo as analysed: upright, sRGB, without the file's metadata."""
    photo, _ = analysis.view
    size = size_at(photo.width, photo.height, width)
    small = size[0] * size[1] <= LOSSLESS_UP_TO_PX
    return await conditional(
        request,
        photo.digest,
        PICTURES if small else (JPEG, PNG, WEBP),
        lambda media: drawn(engine, size, photograph, photo.pixels, media, width),
    )


@router.get(
    "/{id}/mask",
    response_model=outputs.MaskCounts,
    dependencies=[REPRESENTATION],
    responses=documented(
        examples.MASK,
        PNG,
        NPY,
        JPEG,
        WEBP,
        CSV,
        kinds=(
            problems.UnknownAnalysis,
            problems.AnalysisGone,
            problems.MapNotPossible,
            problems.InvalidParameter,
            problems.NotAcceptable,
        ),
    ),
)
async def read_mask(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    render: Annotated[
        Literal["overlay", "heatmap"],
        Query(description="for pictures: on the photo, or the classes alone"),
    ] = "overlay",
    opacity: Annotated[
        float, Query(ge=0, le=1, allow_inf_nan=False, description="for render=overlay")
    ] = 0.6,
    width: WidthOf = None,
) -> Response:
    """The class at every position: the area of each class as JSON, a picture, or the values
    (uint8).
    """
    found = analysis.mask

    async def make(media: str) -> bytes:
        if media == JSON:
            return outputs.mask_counts(found).model_dump_json().encode()
        classes = found.classes.numpy()
        if media == NPY:
            return await in_thread(encode.array_to_npy, classes)
        if media == CSV:
            array = NamedArray(classes, ("row", "column"), "", name="class")
            return await in_thread(encode.to_csv, array, engine.settings.json_budget_bytes)
        photo, geometry = analysis.view
        size = size_at(photo.width, photo.height, width) if render == "overlay" else (0, 0)
        where = (classes, photo.pixels, geometry, render, opacity)
        return await drawn(engine, size, masks.to_picture, *where, media, width)

    offered = (JSON, PNG, NPY, JPEG, WEBP, CSV)
    return await conditional(request, analysis.serial, offered, make)
