"""One site of an analysis: attention, gates, sampling grids."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from fovea.server import problems
from fovea.server.answers import residual_stream as residual
from fovea.server.answers import steps as mechanism
from fovea.server.answers import views
from fovea.server.answers.named_array import NamedArray
from fovea.server.http.answering import conditional, in_thread
from fovea.server.http.parameters import ONLY_KNOWN, REPRESENTATION
from fovea.server.http.routes.common import (
    AnalysisOf,
    EngineOf,
    SiteOf,
    Style,
    StyleOf,
    answer_array,
    documented,
)
from fovea.server.wire import examples, schemas
from fovea.server.wire import residual_stream as wire_stream
from fovea.server.wire import steps as wire_steps
from fovea.server.wire.negotiation import CSV, JPEG, JSON, NPY, PNG, SAFETENSORS, WEBP
from fovea.server.wire.projections import projections as packed_projections
from fovea.server.wire.projections import require_projections

router = APIRouter(
    prefix="/v1/analyses/{id}/sites/{site}",
    tags=["sites"],
    dependencies=[ONLY_KNOWN, REPRESENTATION],
)

MISSING = (
    problems.UnknownAnalysis,
    problems.AnalysisGone,
    problems.UnknownSite,
    problems.WrongKind,
)
REFUSED = (*MISSING, problems.InvalidParameter, problems.NotAcceptable, problems.TooLargeForJson)


@router.get(
    "/attention",
    response_model=schemas.NamedArray,
    responses=documented(examples.ATTENTION, PNG, NPY, SAFETENSORS, JPEG, WEBP, CSV, kinds=REFUSED),
)
async def attention(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    site: SiteOf,
    style: StyleOf,
    query: Annotated[
        str | None,
        Query(
            description="cls, row,col, all, or the number of a token; if left out the class token, "
            "or the middle patch",
            examples=["5,9"],
        ),
    ] = None,
    direction: Annotated[
        Literal["from", "to"], Query(description="from: what it looks at; to: what looks at it")
    ] = "from",
    head: Annotated[
        str, Query(description="mean, max, min, all, or the number of a head")
    ] = "mean",
    window: Annotated[
        int | None, Query(ge=0, description="which window, where the site has windows")
    ] = None,
) -> Response:
    """What one token attends to, what attends to it, or the whole matrix."""
    compute = partial(in_thread, views.attention, analysis, site, query, direction, head, window)
    return await answer_array(request, engine, analysis, style, compute)


@router.get(
    "/projections",
    response_class=Response,
    responses={
        **documented({}, kinds=(*MISSING, problems.NoProjections, problems.NotAcceptable)),
        200: {"content": {SAFETENSORS: {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def projections(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    site: SiteOf,
    values: Annotated[bool, Query(description=views.VALUES)] = False,
) -> Response:
    """Queries, keys and normalisers: p_ij = exp(scale·q_i·k_j − log_normaliser_i)."""

    async def make(_media: str) -> bytes:
        require_projections(site)
        found = await mechanism.values(engine, analysis, site) if values else None
        return await in_thread(packed_projections, site, found)

    return await conditional(request, analysis.serial, (SAFETENSORS,), make)


@router.get(
    "/gate",
    response_model=schemas.NamedArray,
    responses=documented(examples.GATE, PNG, NPY, SAFETENSORS, JPEG, WEBP, CSV, kinds=REFUSED),
)
async def gate(
    request: Request, engine: EngineOf, analysis: AnalysisOf, site: SiteOf, style: StyleOf
) -> Response:
    """The weight of each channel, the mask over positions, or both strips with their product."""
    compute = partial(in_thread, views.gate, site)
    return await answer_array(request, engine, analysis, style, compute)


@router.get(
    "/features",
    response_model=schemas.NamedArray,
    responses=documented(examples.FEATURES, PNG, NPY, SAFETENSORS, JPEG, WEBP, CSV, kinds=REFUSED),
)
async def features(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    site: SiteOf,
    style: StyleOf,
    channel: Annotated[int, Query(description="which channel, from 0")] = 0,
) -> Response:
    """The feature map of one channel, before the gate."""
    compute = partial(in_thread, views.features, site, channel)
    return await answer_array(request, engine, analysis, style, compute)


@router.get(
    "/grid",
    response_model=schemas.SamplingGrid,
    responses=documented(examples.GRID, PNG, NPY, SAFETENSORS, JPEG, WEBP, CSV, kinds=REFUSED),
)
async def grid(
    request: Request, engine: EngineOf, analysis: AnalysisOf, site: SiteOf, style: StyleOf
) -> Response:
    """Theta, and the source point (x, y) in −1…1 of each output cell. As a picture: the grid on the
    photo.
    """
    compute = partial(in_thread, views.sampling_grid, site, analysis.trace)
    return await answer_array(request, engine, analysis, style, compute, claim="sampling grid")


@router.get(
    "/grid/warped",
    response_class=Response,
    responses={
        **documented({}, kinds=REFUSED),
        200: {
            "content": {
                media: {"schema": {"type": "string", "format": "binary"}}
                for media in (PNG, NPY, CSV)
            }
        },
    },
)
async def warped(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    site: SiteOf,
    values: Annotated[
        Literal["tensor", "picture"] | None,
        Query(
            description="tensor: as the network has it, for npy and JSON if left out; picture: its "
            "normalisation undone, 0 to 1, for PNG if left out"
        ),
    ] = None,
) -> Response:
    """The output of the spatial transformer, as the network receives it or as a picture."""
    array = await in_thread(views.warped, analysis, site)
    if values == "picture":
        array = views.as_picture(analysis, array)

    async def compute() -> NamedArray:
        return array

    drawable = array.about["picture"] and values != "tensor"
    offered = (PNG, NPY, JSON, CSV) if drawable else (NPY, JSON, CSV)
    return await answer_array(request, engine, analysis, Style(), compute, offered, claim="picture")


@router.get(
    "/steps",
    response_model=schemas.Steps,
    responses=documented(
        examples.STEPS, SAFETENSORS, kinds=(*REFUSED, problems.MapNotPossible, problems.OutOfMemory)
    ),
)
async def steps(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    site: SiteOf,
    query: Annotated[
        str | None,
        Query(
            description="attention: one token, as above; a spatial transformer: row,col of its "
            "output; if left out the class token, or the middle",
            examples=["5,9"],
        ),
    ] = None,
    key: Annotated[
        str | None,
        Query(
            description="attention: whose key and value are shown; if left out those of the token "
            "that is looked at most"
        ),
    ] = None,
    head: Annotated[int, Query(ge=0, description="attention: the number of a head")] = 0,
    window: Annotated[
        int | None, Query(ge=0, description="which window, where the site has windows")
    ] = None,
) -> Response:
    """The mechanism step by step, with this photo's values."""
    asked = mechanism.StepsRequest(query, key, head, window)
    budget = engine.settings.json_budget_bytes

    async def make(media: str) -> bytes:
        tell = await mechanism.compute(engine, analysis, site, asked)
        return await in_thread(lambda: wire_steps.encode(tell(), media, budget))

    return await conditional(request, analysis.serial, (JSON, SAFETENSORS), make)


@router.get(
    "/stream",
    response_model=schemas.Stream,
    responses=documented(
        examples.STREAM,
        SAFETENSORS,
        kinds=(*REFUSED, problems.MapNotPossible, problems.OutOfMemory),
    ),
)
async def stream(
    request: Request, engine: EngineOf, analysis: AnalysisOf, site: SiteOf
) -> Response:
    """The residual stream: what each layer of the network adds to the tokens of this site."""
    budget = engine.settings.json_budget_bytes

    async def make(media: str) -> bytes:
        found = await residual.compute(engine, analysis, site)
        return await in_thread(wire_stream.encode, found, analysis, site, media, budget)

    return await conditional(request, analysis.serial, (JSON, SAFETENSORS), make)


@router.get(
    "/block",
    response_model=schemas.Steps,
    responses=documented(
        examples.BLOCK, SAFETENSORS, kinds=(*REFUSED, problems.MapNotPossible, problems.OutOfMemory)
    ),
)
async def block(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    site: SiteOf,
    query: Annotated[
        str | None,
        Query(
            description="one token, as for attention; if left out the class token, or the middle"
        ),
    ] = None,
) -> Response:
    """One token through the block of this site: normalisation, attention, feed-forward, sums."""
    budget = engine.settings.json_budget_bytes

    async def make(media: str) -> bytes:
        tell = await residual.compute_block(engine, analysis, site, query)
        return await in_thread(lambda: wire_steps.encode(tell(), media, budget))

    return await conditional(request, analysis.serial, (JSON, SAFETENSORS), make)
