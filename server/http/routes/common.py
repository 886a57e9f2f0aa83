"""Shared by the routes: engine, parameters, conditional answers, problem documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from fovea.models.records import Site
from fovea.server import problems
from fovea.server.answers.named_array import NamedArray
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.engine.job_store import JobStore
from fovea.server.engine.recall import Recall
from fovea.server.http.answering import conditional, drawn, in_thread, unless_gone
from fovea.server.wire import drawing, encode, examples
from fovea.server.wire.negotiation import CSV, JPEG, JSON, NPY, PNG, SAFETENSORS, WEBP
from fovea.server.wire.pictures import PICTURES, WIDEST_PX
from fovea.server.wire.render import Colormap, Render


async def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


EngineOf = Annotated[Engine, Depends(_engine)]


async def _recall(request: Request) -> Recall:
    recall: Recall = request.app.state.recall
    return recall


RecallOf = Annotated[Recall, Depends(_recall)]


async def _jobs(request: Request) -> JobStore:
    jobs: JobStore = request.app.state.jobs
    return jobs


JobsOf = Annotated[JobStore, Depends(_jobs)]


async def _analysis(
    request: Request,
    recall: RecallOf,
    id: Annotated[str, Path(description="an analysis", examples=["3f0c51a2b7d94e60c1ab"])],
) -> Analysis:
    """It may have to be recomputed, which is cancelled if the client hangs up."""
    found = await unless_gone(request, recall.get(id))
    if found is None:
        raise ClientDisconnect
    return found


AnalysisOf = Annotated[Analysis, Depends(_analysis)]


async def _site(
    analysis: AnalysisOf, site: Annotated[str, Path(description="a site", examples=["s05"])]
) -> Site:
    return analysis.trace.site(site)


SiteOf = Annotated[Site, Depends(_site)]


ModelOf = Annotated[
    str | None,
    Query(description="a model's id; the form's field is the same", examples=[examples.MODEL]),
]

ARRAYS = (JSON, PNG, NPY, SAFETENSORS, JPEG, WEBP, CSV)
"""The representations of every array; the first is the default."""


WidthOf = Annotated[
    int | None,
    Query(
        ge=16,
        le=WIDEST_PX,
        description="for pictures on the photo: in pixels; the photo's own if left out, and at "
        "most that",
    ),
]


class Style:
    """How a picture is drawn."""

    def __init__(
        self,
        render: Annotated[
            Render | None,
            Query(description="for pictures: overlay (on the photo), heatmap, raw16"),
        ] = None,
        colormap: Annotated[Colormap, Query(description="for pictures")] = "viridis",
        opacity: Annotated[
            float, Query(ge=0, le=1, allow_inf_nan=False, description="for render=overlay")
        ] = 0.6,
        width: WidthOf = None,
    ) -> None:
        self.render, self.colormap, self.opacity, self.width = render, colormap, opacity, width


StyleOf = Annotated[Style, Depends(Style)]


async def answer_array(
    request: Request,
    engine: Engine,
    analysis: Analysis,
    style: Style,
    compute: Callable[[], Awaitable[NamedArray]],
    offered: Sequence[str] = ARRAYS,
    claim: str = "attention map",
) -> Response:
    """A named array, from `compute`, in the requested representation. claim: decides how its PNG is
    drawn.
    """
    budget = engine.settings.json_budget_bytes

    def represent(array: NamedArray, media: str) -> bytes:
        if media == JSON:
            return encode.to_json(array, budget)
        if media == NPY:
            return encode.to_npy(array)
        if media == SAFETENSORS:
            return encode.to_safetensors(array)
        return encode.to_csv(array, budget)

    async def make(media: str) -> bytes:
        array = await compute()
        if media not in PICTURES:
            return await in_thread(represent, array, media)
        how = drawing.DrawingOptions(
            style.render, style.colormap, style.opacity, media, style.width
        )
        size = drawing.size_of(analysis, array, claim, how)
        return await drawn(engine, size, drawing.to_picture, analysis, array, claim, how)

    return await conditional(request, analysis.serial, offered, make)


def refusals(*kinds: type[problems.Problem]) -> dict[int | str, dict[str, Any]]:
    """The error `responses` of an operation, for OpenAPI."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = by_status.setdefault(
            kind.status,
            {
                "description": "",
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        entry["description"] = "; ".join(filter(None, [entry["description"], kind.title]))
        entry["content"]["application/problem+json"]["examples"][kind.slug] = {
            "value": {
                "type": f"/problems/{kind.slug}",
                "title": kind.title,
                "status": kind.status,
                "detail": f"{kind.title}.",
                "instance": "/v1/analyses",
                "request_id": "5f1c9b7e2a",
                **({"hint": kind.hint} if kind.hint else {}),
            }
        }
    return by_status


def documented(
    example: Any, *others: str, kinds: Sequence[type[problems.Problem]] = ()
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that answers JSON like `example`, or other media types."""
    content: dict[str, Any] = {JSON: {"example": example}}
    for media in others:
        content[media] = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": content}, 304: {"description": "Not modified"}, **refusals(*kinds)}
