"""Facts about a network that only further passes reveal: collected once, before a map is offered.

A probe raises NotPossible if the maps that rely on it are unsupported. Any other exception of such
a pass is treated the same: the network was not made for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fovea.models.methods.base import Method, Pass, Probe

if TYPE_CHECKING:
    from fovea.models.places.positions import Positions
    from fovea.models.records import Site

log = logging.getLogger("fovea.maps")


def learn(given: Pass, methods: Iterable[Method]) -> Mapping[Probe, Any]:
    """The result of each probe, or the NotPossible that it raised."""
    probes = dict.fromkeys(method.probe for method in methods if method.probe is not None)
    return {probe: _answer(probe, given) for probe in probes}


def _answer(probe: Probe, given: Pass) -> Any:
    from fovea.models.maps.propagation import NotPossible

    try:
        return probe(given)
    except NotPossible as error:
        # Without its traceback, which would keep the pass's tensors alive.
        return error.with_traceback(None)
    except Exception as error:  # the network may not support such a pass
        log.info("%s failed", probe.__name__, exc_info=error)
        kind = type(error).__name__
        return NotPossible(f"a further pass over it failed ({kind})", "pass-failed", error=kind)


def class_gradients(given: Pass) -> frozenset[str]:
    """Ids of the attention sites that a class gradient reaches; one backward pass."""
    from fovea.models.maps.propagation import NotPossible
    from fovea.models.methods.making.for_class import layers_backwards, logit_of
    from fovea.models.records import Trace

    def attentions(trace: Trace) -> tuple[Site, ...]:
        return tuple(site for site in trace.sites if site.attends)

    if given.classes is None or not attentions(given.trace):
        return frozenset()
    reached: set[str] = set()

    def see(site: Site) -> None:
        held = site.attention
        if held.output_gradient is not None or held.probabilities_gradient is not None:
            reached.add(site.id)

    layers_backwards(given.module, given.inputs, logit_of(0), given.layouts, see, attentions)
    if not reached:
        raise NotPossible("no gradient leads from a class to its attention", "no-gradients")
    return frozenset(reached)


def additions(given: Pass) -> frozenset[str]:
    """Ids of the sites whose result is added to their tokens; one pass for each token count."""
    from fovea.models.running.inference import run_for_stream

    sites = given.trace.sites
    asked = {
        (site.queries, site.prefix_tokens): site
        for site in sites
        if site.attends
        and ((site.grid is not None and site.queries == site.keys) or asks_with_words(site))
    }
    found: set[str] = set()
    for site in asked.values():
        added = run_for_stream(given.module, given.inputs, site, given.words)
        tokens = {one.site for one in added if one.site is not None}
        found |= {
            sites[index].id
            for index in tokens
            if (sites[index].queries, sites[index].prefix_tokens)
            == (site.queries, site.prefix_tokens)
        }
    return frozenset(found)


def asks_with_words(site: Site) -> bool:
    """Whether the queries of an attention are words."""
    return site.layout is not None and site.layout.query_words is not None


def positions(given: Pass) -> tuple[Positions, ...]:
    """The positional encodings that the network adds to its tokens."""
    from fovea.models.methods.making.positions import positions_of

    return positions_of(given.module, given.inputs, given.words)
