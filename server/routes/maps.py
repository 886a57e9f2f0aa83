"""Maps and figures of a whole analysis."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from server import errors, examples, figures, methods, schemas
from server.negotiation import JSON, NPY, PNG, SAFETENSORS
from server.routes.common import (
    AnalysisOf,
    EngineOf,
    StyleOf,
    answer_array,
    conditional,
    documented,
    site_of,
)

router = APIRouter(prefix="/v1/analyses/{id}", tags=["maps and figures"])

MISSING = (errors.UnknownAnalysis, errors.AnalysisGone, errors.MapNotPossible)
REFUSED = (*MISSING, errors.InvalidParameter, errors.NotAcceptable, errors.TooLargeForJson)


@router.get(
    "/maps/{method}",
    response_model=schemas.NamedArray,
    responses=documented(
        examples.ROLLOUT, PNG, NPY, SAFETENSORS, kinds=(*REFUSED, errors.UnknownMap)
    ),
)
async def read_map(
    request: Request,
    engine: EngineOf,
    analysis: AnalysisOf,
    method: Annotated[
        str, Path(description=", ".join(methods.METHODS), examples=["rollout", "relevance"])
    ],
    style: StyleOf,
    target: Annotated[
        str | None,
        Query(
            description="the class that a map is for, by number or label; the predicted one if "
            "left out; rollout and dino are for no class",
            examples=["285", "Egyptian cat"],
        ),
    ] = None,
    fusion: Annotated[
        Literal["mean", "max", "min"],
        Query(description="rollout: how the heads of a layer are fused"),
    ] = "mean",
    discard: Annotated[
        float,
        Query(
            ge=0,
            le=0.99,
            allow_inf_nan=False,
            description="rollout: share of each layer's smallest values that is set to zero",
        ),
    ] = 0.0,
    mass: Annotated[
        float,
        Query(gt=0, le=1, allow_inf_nan=False, description="dino: share of attention kept"),
    ] = 0.6,
    head: Annotated[
        str, Query(description="dino: mean, max, min, all, or the number of a head")
    ] = "mean",
) -> Response:
    """Attention of the whole network in one map; for a class, where gradients weigh it."""
    trace, index = analysis.trace, None
    if methods.method_of(method).for_class:
        predicted = analysis.predictions[0].index if analysis.predictions else None
        index = methods.target_of(target, analysis.model, predicted)
        trace = await engine.for_class(analysis, index)
    options = methods.Options(fusion, discard, mass, head)
    compute = partial(methods.read, method, trace, analysis.model, index, options)
    return await answer_array(request, engine, analysis, style, compute)


@router.get(
    "/figures/{figure}",
    response_model=schemas.Figure,
    responses=documented(
        examples.FIGURE,
        kinds=(*REFUSED, errors.UnknownFigure, errors.UnknownSite, errors.WrongKind),
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
) -> Response:
    """An interactive figure, ready for Plotly.newPlot."""
    figures.parse_figure(figure)
    if site is not None:
        site_of(analysis, site)
    budget = engine.settings.json_budget_bytes
    return await conditional(
        request,
        analysis.serial,
        (JSON,),
        lambda _: figures.figure(analysis, figure, site, head, budget),
    )
