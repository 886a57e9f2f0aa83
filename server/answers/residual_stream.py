"""What each layer adds to the tokens of a site, and what its block does to one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from fovea.models.capture.block import Block
from fovea.models.capture.stream import Addition
from fovea.models.catalog.spec import LoadedModel
from fovea.models.methods.making.token_lengths import stream_of
from fovea.models.records import Site
from fovea.models.running.block_steps import block_steps
from fovea.models.running.inference import run_for_block, run_for_stream
from fovea.server.answers.methods import not_possible
from fovea.server.answers.steps import Steps, one_token
from fovea.server.answers.subject import learned_of
from fovea.server.answers.views import no_stream, require
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.problems import MapNotPossible


async def compute(engine: Engine, analysis: Analysis, site: Site) -> Sequence[Addition]:
    """Everything added to the query tokens of this site, measured in one more pass.

    Raises WrongKind unless the site is attention, and MapNotPossible if its tokens are neither
    patches of the photo nor words, or if nothing is added to them.
    """
    await _require(engine, analysis, site, "stream")
    found = await engine.stream(analysis, site, partial(_watch, analysis, site))
    own = stream_of(found, analysis.trace.sites.index(site))
    if not own:
        raise _not_followed(analysis, site)
    return own


async def compute_block(
    engine: Engine, analysis: Analysis, site: Site, query: str | None
) -> Callable[[], Steps]:
    """What gives the steps of one token through the block of this site, after the pass they take.

    Raises as `compute` does, and InvalidParameter before that pass.
    """
    await _require(engine, analysis, site, "block")
    assert site.queries is not None
    token, words = one_token(query, site, site.queries, "from", analysis.sentence)
    watch = partial(_watch_block, analysis, site, token)
    block = await engine.again(analysis, f"{site.id} {token}/block", watch)
    if block is None:
        raise _not_followed(analysis, site)
    sentence = f"Layer {site.layer}: what its block does to {words}"
    return lambda: Steps(site, sentence, block_steps(block), {"query": token})


async def _require(engine: Engine, analysis: Analysis, site: Site, view: str) -> None:
    require(site, view)
    subject = await learned_of(engine, analysis)
    if reason := no_stream(subject, site):
        raise not_possible(reason)


def _not_followed(analysis: Analysis, site: Site) -> MapNotPossible:
    return MapNotPossible(
        f"What is added to the tokens of site {site.id} of {analysis.model.id} could not be "
        "followed."
    )


def _watch(
    analysis: Analysis, site: Site, loaded: LoadedModel, inputs: Tensor
) -> tuple[Addition, ...]:
    return run_for_stream(loaded.module, inputs, site, _words(analysis, inputs))


def _watch_block(
    analysis: Analysis, site: Site, token: int, loaded: LoadedModel, inputs: Tensor
) -> Block | None:
    index = [one.id for one in analysis.trace.sites].index(site.id)
    return run_for_block(loaded.module, inputs, index, site, token, _words(analysis, inputs))


def _words(analysis: Analysis, inputs: Tensor) -> Tensor | None:
    """What a network that writes has written, or None."""
    written = analysis.sentence
    return None if written is None else written.given.to(inputs.device)
