"""A site's mechanism step by step: parses the request and runs the pass it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.grids import PatchGrid
from fovea.models.kinds.attention.steps import attention_steps, values_of
from fovea.models.kinds.attention.windows import token_at
from fovea.models.kinds.kind import At
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.kinds.step import Step
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.making.queries import (
    Direction,
    key_words,
    parse_head,
    parse_place,
    parse_query,
    placed_query,
    window_index,
)
from fovea.models.records import Site
from fovea.models.running.inference import run_for_workings
from fovea.models.running.tasks import Sentence
from fovea.models.tracing.operations import Workings
from fovea.server.answers.views import titled
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.problems import InvalidParameter, NoProjections

Make = Callable[[Workings], list[Step]]


@dataclass(frozen=True, slots=True)
class StepsRequest:
    """The parameters of a steps request; a site uses those that apply. pixel, query, key:
    as text.
    """

    query: str | None = None
    key: str | None = None
    head: int = 0
    window: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Steps:
    """The steps of a site. sentence: their result in words · about: parameters echoed to the
    client.
    """

    site: Site
    sentence: str
    steps: Sequence[Step]
    about: Mapping[str, Any]


async def compute(
    engine: Engine, analysis: Analysis, site: Site, asked: StepsRequest
) -> Callable[[], Steps]:
    """Prepare the steps; the returned function gives them after one more pass.

    Raises InvalidParameter before that pass.
    """
    sentence, make, about = _plan(analysis, site, asked)
    workings = await engine.workings(analysis, site.id, partial(_watch, analysis, site))
    return lambda: Steps(site, sentence, make(workings), about)


async def values(engine: Engine, analysis: Analysis, site: Site) -> Tensor:
    """The value vectors of an attention site, (head, key, head_dim), after one more pass.

    Raises NoProjections if they cannot be matched to the heads and keys.
    """
    workings = await engine.workings(analysis, site.id, partial(_watch, analysis, site))
    found = values_of(workings, site.attention, 0)
    if found is None:
        raise NoProjections(f"The values of site {site.id} ({site.name}) could not be followed.")
    return found.expand(site.attention.shape[1], -1, -1)


def _plan(analysis: Analysis, site: Site, asked: StepsRequest) -> tuple[str, Make, dict[str, Any]]:
    kind = SITE_KINDS[site.kind]
    if kind.steps is None:
        return _of_attention(analysis, site, asked)
    at, where = At(), ""
    if kind.grid is not None:
        at = At(*parse_place(asked.query, PatchGrid(*kind.grid(site))))
        where = f"{at.row},{at.column}"
    told = f"{titled(site)}: {kind.led_to.format(row=at.row, column=at.column)}"
    tell = kind.steps
    return told, lambda workings: tell(site, workings, at), {"query": where} if where else {}


def _of_attention(
    analysis: Analysis, site: Site, asked: StepsRequest
) -> tuple[str, Make, dict[str, Any]]:
    held, written = site.attention, analysis.sentence
    _, heads, queries, keys = held.shape
    head = parse_head(str(asked.head), heads)
    assert isinstance(head, int)
    cell = placed_query(site, asked.query, "from") if asked.window is None else None
    if cell is not None and site.layout is not None and site.layout.queries is not None:
        window, token = token_at(site.layout.queries, *cell)
        words = f"the patch at row {cell[0]}, column {cell[1]}"
    else:
        window = window_index(site, asked.window)
        token, words = one_token(asked.query, site, queries, "from", written)
    key = None
    if asked.key is not None:
        key, _ = one_token(asked.key, site, keys, "to", written)
    make = partial(
        attention_steps,
        site,
        window=window,
        query=token,
        head=head,
        key=key,
        called=lambda index: key_words(site, window, index, written),
    )
    about = {"query": token, "key": key, "head": head, "window": window}
    return f"Layer {site.layer}, head {head}: how {words} comes to its output", make, about


def one_token(
    asked: str | None, site: Site, tokens: int, direction: Direction, written: Sentence | None
) -> tuple[int, str]:
    """(token index, its name). Raises InvalidParameter unless exactly one token is selected."""
    found = parse_query(asked, site, tokens, direction, written)
    if found.token is None:
        raise InvalidParameter("Steps are shown for one token, not for all.", hint="Name it.")
    return found.token, found.words


def _watch(analysis: Analysis, site: Site, loaded: LoadedModel, inputs: Tensor) -> Workings:
    """Runs the pass that records one site in detail. Raises NotPossible."""
    sentence = analysis.sentence
    words = None if sentence is None else sentence.given.to(inputs.device)
    index = [one.id for one in analysis.trace.sites].index(site.id)
    found = run_for_workings(loaded.module, inputs, index, site, words)
    if found is None:
        raise NotPossible(f"a second pass did not meet site {site.id}")
    return found
