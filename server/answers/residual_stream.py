"""What each layer adds to the tokens of a site, by one more pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from fovea.models.capture.stream import Addition
from fovea.models.catalog.spec import LoadedModel
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.token_lengths import stream_of, token_lengths
from fovea.models.records import Site
from fovea.models.running.inference import run_for_stream
from fovea.server.answers.named_array import NamedArray
from fovea.server.answers.views import of_map, require
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.problems import MapNotPossible


async def compute(engine: Engine, analysis: Analysis, site: Site) -> Sequence[Addition]:
    """All that is added to the tokens of this site, its queries, by one more pass.

    Raises WrongKind for what is no attention, and MapNotPossible where its tokens are neither all
    patches of the photo nor words, or where nothing is added to them.
    """
    require(site, "stream")
    if not (_is_of_patches(site) or _is_of_words(site)):
        raise MapNotPossible(
            f"Site {site.id} is no attention of all patches to each other, nor one that words ask.",
            hint="Ask for a site whose grid is known.",
        )
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


async def lengths(
    engine: Engine, analysis: Analysis, site: Site | None
) -> Callable[[], NamedArray]:
    """What gives the map of the tokens' lengths after the layer of a site, else after the last.

    Raises as `compute`; so does the function that is returned.
    """
    if site is None:
        site = next((one for one in reversed(analysis.trace.sites) if _is_of_patches(one)), None)
    if site is None or (site.attends and not _is_of_patches(site)):
        whose = analysis.model.id if site is None else f"site {site.id}"
        raise MapNotPossible(f"The tokens of {whose} are not all patches of a photo.")
    additions, chosen = await compute(engine, analysis, site), site

    def made() -> NamedArray:
        try:
            found = token_lengths(additions, analysis.trace, chosen)
        except NotPossible as error:
            raise MapNotPossible(f"{analysis.model.id}: {error}.") from error
        return of_map(found, found.sentence, {"method": "token-lengths", "site": chosen.id})

    return made


def _is_of_patches(site: Site) -> bool:
    return site.attends and site.grid is not None and site.queries == site.keys


def _is_of_words(site: Site) -> bool:
    return site.layout is not None and site.layout.query_words is not None
