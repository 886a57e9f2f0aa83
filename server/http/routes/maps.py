"""Maps and figures of a whole analysis."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from fovea.models.methods import registry
from fovea.server import problems
from fovea.server.answers import methods
from fovea.server.answers.named_array import NamedArray
from fovea.server.http.answering import conditional, in_thread
from fovea.server.http.parameters import ONLY_KNOWN, REPRESENTATION, check_parameters
from fovea.server.http.routes.common import (
    AnalysisOf,
    EngineOf,
    StyleOf,
    answer_array,
    documented,
)
from fovea.server.wire import examples, figures, schemas
from fovea.server.wire.negotiation import CSV, JPEG, JSON, NPY, PNG, SAFETENSORS, WEBP

router = APIRouter(prefix="/v1/analyses/{id}", tags=["maps and figures"])

MISSING = (problems.UnknownAnalysis, problems.AnalysisGone, problems.MapNotPossible)
REFUSED = (*MISSING, problems.InvalidParameter, problems.NotAcceptable, problems.TooLargeForJson)


async def _options(
    request: Request,
    method: Annotated[
        str, Path(description=", ".join(registry.NAMES), examples=["rollout", "relevance"])
    ],
) -> dict[str, object]:
    """The options of the requested map, as text; raises UnknownMethod and BadOption."""
    own = registry.method(method)
    taken = [option.name for option in own.options]
    check_parameters(request, taken)
    given: dict[str, object] = {
        name: value for name, value in request.query_params.items() if name in taken
    }
    own.read(given)
    return given


_OPTIONS = [
    {
        "name": option.name,
        "in": "query",
        "required": False,
        "schema": dict(option.schema),
        "description": ": ".join(
            (", ".join(registry.taking(option.name)), option.schema["description"])
        ),
    }
    for option in registry.options()
]


@router.get(
    "/maps/{method}",
    response_model=schemas.NamedArray,
    openapi_extra={"parameters": _OPTIONS},
    dependencies=[REPRESENTATION],
    responses=documented(
        examples.ROLLOUT,
        PNG,
        NPY,
        SAFETENSORS,
        JPEG,
        WEBP,
        CSV,
        kinds=(*REFUSED, problems.UnknownMap, problems.UnknownSite),
    ),
)
async def read_map(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    method: Annotated[
        str, Path(description=", ".join(registry.NAMES), examples=["rollout", "relevance"])
    ],
    options: Annotated[dict[str, object], Depends(_options)],
    style: StyleOf,
) -> Response:
    """A map by its name. The analysis lists all maps, with their options and why some are
    unavailable.
    """

    async def compute() -> NamedArray:
        return await in_thread(await methods.compute(engine, analysis, method, options))

    claim = registry.method(method).claim
    return await answer_array(request, engine, analysis, style, compute, claim=claim)


@router.get(
    "/figures/{figure}",
    response_model=schemas.Figure,
    dependencies=[ONLY_KNOWN, REPRESENTATION],
    responses=documented(
        examples.FIGURE,
        kinds=(*REFUSED, problems.UnknownFigure, problems.UnknownSite, problems.WrongKind),
    ),
)
async def read_figure(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    figure: Annotated[
        str, Path(description=", ".join(figures.FIGURES), examples=["attention-distance"])
    ],
    site: Annotated[
        str | None, Query(description="a site; the last fitting one if left out", examples=["s05"])
    ] = None,
    head: Annotated[str, Query(description="mean, max, min, or the number of a head")] = "mean",
    target: Annotated[
        str | None,
        Query(description="head-importance: the class, by number or label", examples=["285"]),
    ] = None,
) -> Response:
    """An interactive figure, ready for Plotly.newPlot."""
    figures.parse_figure(figure)
    if site is not None:
        analysis.trace.site(site)
    budget = engine.settings.json_budget_bytes

    async def make(media: str) -> bytes:
        heads = None
        if figure == "head-importance":
            chosen = {} if target is None else {"target": target}
            heads = await in_thread(await methods.compute(engine, analysis, figure, chosen))
        asked = figures.FigureRequest(analysis, site, head, heads)
        return await in_thread(figures.figure, asked, figure, budget)

    return await conditional(request, analysis.serial, (JSON,), make)
