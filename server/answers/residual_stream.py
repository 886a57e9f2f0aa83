"""What each layer adds to the tokens of a site; takes one more pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from fovea.models.capture.stream import Addition
from fovea.models.catalog.spec import LoadedModel
from fovea.models.methods.making.token_lengths import stream_of
from fovea.models.records import Site
from fovea.models.running.inference import run_for_stream
from fovea.server.answers.methods import not_possible
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
    require(site, "stream")
    subject = await learned_of(engine, analysis)
    if reason := no_stream(subject, site):
        raise not_possible(reason)
    found = await engine.stream(analysis, site, partial(_watch, analysis, site))
    own = stream_of(found, analysis.trace.sites.index(site))
    if not own:
        raise MapNotPossible(
            f"What is added to the tokens of site {site.id} of {analysis.model.id} could not be "
            "followed."
        )
    return own


def _watch(
    analysis: Analysis, site: Site, loaded: LoadedModel, inputs: Tensor
) -> tuple[Addition, ...]:
    written = analysis.sentence
    words = None if written is None else written.given.to(inputs.device)
    return run_for_stream(loaded.module, inputs, site, words)
