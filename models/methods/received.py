"""How much attention each patch receives from all tokens that see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from fovea.models.records import Site

KINDS = ("attention",)


def _fits(site: Site) -> None:
    from fovea.models.maps.propagation import NotPossible

    known = site.layout is not None and site.layout.keys is not None
    if not known or not bool((site.layout.keys.cells >= 0).any()):  # type: ignore[union-attr]
        raise NotPossible(
            f"what is looked at in site {site.id} has no known places", "no-places", site=site.id
        )


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.methods.making.choosing import fitting, of_kind, require_photo

    require_photo(subject)
    if site is None:
        fitting(subject, KINDS, _fits)
        return
    of_kind(*KINDS)(site)
    _fits(site)


def _make(subject: Subject, chosen: Options) -> Made:
    import torch

    from fovea.models.kinds.attention.rows import column_means, fuse
    from fovea.models.kinds.attention.windows import received
    from fovea.models.methods.making.choosing import chosen as chosen_site
    from fovea.models.methods.making.choosing import require_photo
    from fovea.models.methods.making.queries import head_words, parse_head
    from fovea.models.records import Map

    require_photo(subject)
    site = chosen_site(subject, chosen, KINDS, _fits)
    assert site.layout is not None
    heads = parse_head(chosen["head"], site.heads or 1)
    assert site.layout.keys is not None
    grid = site.layout.keys.grid
    with torch.inference_mode():
        values = received(site.attention, site.layout)
        prefix = site.on_grid(column_means(site.attention))[1] if site.grid else None
        found = Map(
            values=fuse(values, heads),
            axes=("head", *grid.axis_names) if heads == "all" else grid.axis_names,
            prefix=None if prefix is None else fuse(prefix, heads),
            sentence=f"Layer {site.layer}, {head_words(heads)}: how much each patch is looked at "
            f"by all {_who(site)} that see it",
            grid=grid,
        )
    return Made(found, {"method": "received", "site": site.id, "head": chosen["head"]})


def _who(site: Site) -> str:
    return "words" if site.layout is not None and site.layout.query_words else "tokens"


def _sentence(subject: Subject) -> Phrase:
    from fovea.models.methods.making.choosing import fitting

    site = fitting(subject, KINDS, _fits)
    return Phrase(
        "received",
        "Attention {layer}, mean over heads: how much each patch is looked at by all {who} that "
        "see it",
        {"layer": site.layer, "who": _who(site)},
    )


METHOD = Method(
    name="received",
    order=110,
    title="Attention received",
    summary="How much each patch is looked at in one layer by all tokens that see it",
    claim="attention map",
    equation="mean_i A_ij over the queries of j's window",
    paper="the mean of a column of A",
    options=(options.SITE, options.LAYER, options.HEAD),
    check=_check,
    make=_make,
    sentence=_sentence,
    kinds=KINDS,
)
