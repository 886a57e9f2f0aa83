"""Maps and figures of a whole analysis."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from fovea.server import problems
from fovea.server.answers import methods, positions
from fovea.server.answers.named_array import NamedArray
from fovea.server.http.answering import conditional, in_thread
from fovea.server.http.routes.common import (
    AnalysisOf,
    EngineOf,
    StyleOf,
    answer_array,
    documented,
    site_of,
)
from fovea.server.wire import examples, figures, schemas
from fovea.server.wire.negotiation import JPEG, JSON, NPY, PNG, SAFETENSORS, WEBP

router = APIRouter(prefix="/v1/analyses/{id}", tags=["maps and figures"])

MISSING = (problems.UnknownAnalysis, problems.AnalysisGone, problems.MapNotPossible)
REFUSED = (*MISSING, problems.InvalidParameter, problems.NotAcceptable, problems.TooLargeForJson)


@router.get(
    "/maps/{method}",
    response_model=schemas.NamedArray,
    responses=documented(
        examples.ROLLOUT,
        PNG,
        NPY,
        SAFETENSORS,
        JPEG,
        WEBP,
        kinds=(*REFUSED, problems.UnknownMap, problems.UnknownSite),
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
    word: Annotated[
        int | None,
        Query(
            ge=0,
            le=9999,
            description="relevance, of a network that writes: the word that the map is for, by its "
            "place in the sentence; the first if left out",
        ),
    ] = None,
    query: Annotated[
        str | None,
        Query(
            description="positions: row,col of the place; the middle one if left out; of words the "
            "number of one, or all"
        ),
    ] = None,
    words: Annotated[
        positions.SentenceName | None,
        Query(
            description="positions, of a network that writes: those of the words of the sentence "
            "it was given (source), or of those that its decoder read; if left out those of the "
            "photo, or of the source"
        ),
    ] = None,
    site: Annotated[
        str | None,
        Query(
            description="positions: those of the tokens of this site, where a network has several; "
            "if left out those of the whole photo's; received, "
            "token-lengths: of this layer; if left out of the last",
            examples=["s05"],
        ),
    ] = None,
    fusion: Annotated[
        Literal["mean", "max", "min"],
        Query(description="rollout: how the heads of a layer are fused"),
    ] = "mean",
    discard: Annotated[
        float | None,
        Query(
            ge=0,
            le=0.99,
            allow_inf_nan=False,
            description="rollout: share of each layer's smallest values that is set to zero; "
            "0 if left out, 0.9 for variant=vit-explain",
        ),
    ] = None,
    variant: Annotated[
        Literal["abnar", "vit-explain"],
        Query(description="rollout: as in the paper, or as the tool vit-explain defines it"),
    ] = "abnar",
    mass: Annotated[
        float,
        Query(gt=0, le=1, allow_inf_nan=False, description="dino: share of attention kept"),
    ] = 0.6,
    head: Annotated[
        str, Query(description="dino, received: mean, max, min, all, or the number of a head")
    ] = "mean",
) -> Response:
    """Attention of the whole network in one map; for a class, where gradients weigh it."""
    of_site = None if site is None else site_of(analysis, site)
    options = methods.Options(
        fusion, discard, variant, mass, head, target, word, query, words, of_site
    )

    async def compute() -> NamedArray:
        return await in_thread(await methods.compute(engine, analysis, method, options))

    return await answer_array(request, engine, analysis, style, compute)


@router.get(
    "/figures/{figure}",
    response_model=schemas.Figure,
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
        site_of(analysis, site)
    budget = engine.settings.json_budget_bytes

    async def make(media: str) -> bytes:
        heads = None
        if figure == "head-importance":
            chosen = methods.Options(target=target)
            heads = (await methods.compute(engine, analysis, figure, chosen))()
        asked = figures.Asked(analysis, site, head, heads)
        return await in_thread(figures.figure, asked, figure, budget)

    return await conditional(request, analysis.serial, (JSON,), make)
