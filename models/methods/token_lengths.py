"""The norm of every patch token after a layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fovea.models.methods import options
from fovea.models.methods.base import Ask, Made, Method, Options, Phrase, Subject
from fovea.models.methods.probes import additions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fovea.models.places.layout import Layouts
    from fovea.models.records import Site

KINDS = ("attention",)


def _fits(subject: Subject, site: Site) -> None:
    from fovea.models.maps.propagation import NotPossible

    if site.grid is None or site.queries != site.keys:
        raise NotPossible(
            f"the tokens of site {site.id} are not all patches of a photo",
            "not-patches",
            site=site.id,
        )
    if site.id not in subject.ask(additions):
        raise NotPossible(
            f"what site {site.id} adds to its tokens could not be followed",
            "not-followed",
            site=site.id,
        )


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.methods.making.choosing import fitting, of_kind, require_photo

    require_photo(subject)
    if site is None:
        fitting(subject, KINDS, partial(_fits, subject))
        return
    of_kind(*KINDS)(site)
    _fits(subject, site)


def _make(subject: Subject, chosen: Options) -> Ask:
    from fovea.models.methods.making.choosing import chosen as chosen_site
    from fovea.models.methods.making.choosing import require_photo
    from fovea.models.methods.making.token_lengths import token_lengths
    from fovea.models.running.inference import run_for_stream

    require_photo(subject)
    site = chosen_site(subject, chosen, KINDS, partial(_fits, subject))
    words = None if subject.sentence is None else subject.sentence.given

    def run(module: nn.Module, inputs: Tensor, layouts: Layouts) -> Any:
        given = None if words is None else words.to(inputs.device)
        return run_for_stream(module, inputs, site, given)

    def then(found: Any) -> Made:
        made = token_lengths(found, subject.trace, site)
        return Made(made, {"method": "token-lengths", "site": site.id})

    return Ask(f"{site.queries} {site.prefix_tokens}/stream", run, then)


def _sentence(subject: Subject) -> Phrase:
    from fovea.models.methods.making.choosing import fitting

    site = fitting(subject, KINDS, partial(_fits, subject))
    return Phrase(
        "token-lengths",
        "How long the token of each patch is as it leaves layer {layer}",
        {"layer": site.layer},
    )


METHOD = Method(
    name="token-lengths",
    order=120,
    title="Token length",
    summary="How long the token of each patch is as it leaves a layer; where a few are many times "
    "longer, they often hold something of the whole photo",
    claim="token length",
    equation="‖x_i‖₂ of every patch as it leaves a layer, after its attention and the feed-forward "
    "layer that follows",
    paper="Darcet et al. 2024, fig. 3",
    options=(options.SITE, options.LAYER),
    check=_check,
    make=_make,
    sentence=_sentence,
    probe=additions,
    kinds=KINDS,
)
