"""Maps of gates: the factor itself, one map for each kind of gate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from fovea.models.records import Site


def gate_of(site: Site) -> Made:
    """The map of a gate: weights of channels, a mask, or strips."""
    import torch

    from fovea.models.kinds.registry import SITE_KINDS
    from fovea.models.records import Map, Trace

    kind = SITE_KINDS[site.kind]
    assert kind.shown is not None
    with torch.inference_mode():
        shown = kind.shown(site)
    facts = {} if kind.facts is None else kind.facts(Trace((site,)), site)
    about = {"site": site.id, **facts}
    if shown.more:
        about["axes_of"] = {name: list(axes) for name, _, axes in shown.more}
    sentence = f"{kind.title} {site.layer}: {shown.sentence}"
    found = Map(shown.values, shown.axes, None, sentence)
    return Made(found, about, more={name: (one, axes) for name, one, axes in shown.more})


def _check(kind: str, subject: Subject, site: Site | None) -> None:
    from fovea.models.methods.making.choosing import fitting, of_kind

    of_kind(kind)(site) if site else fitting(subject, (kind,))


def _make(kind: str, subject: Subject, chosen: Options) -> Made:
    from fovea.models.methods.making.choosing import chosen as chosen_site

    return gate_of(chosen_site(subject, chosen, (kind,)))


def _sentence(kind: str, subject: Subject) -> Phrase:
    from fovea.models.kinds.registry import SITE_KINDS
    from fovea.models.methods.making.choosing import fitting

    site, own = fitting(subject, (kind,)), SITE_KINDS[kind]
    assert own.shown is not None
    shown = own.shown(site).sentence.replace("{", "{{").replace("}", "}}")
    return Phrase(kind, f"{own.title} {{layer}}: {shown}", {"layer": site.layer})


def _method(
    kind: str,
    title: str,
    summary: str,
    equation: str,
    paper: str,
    *,
    order: int,
    first: int,
    on_photo: bool = True,
) -> Method:
    return Method(
        name=kind,
        order=order,
        first=first,
        title=title,
        summary=summary,
        claim="gate",
        equation=equation,
        paper=paper,
        options=(options.SITE, options.LAYER),
        check=partial(_check, kind),
        make=partial(_make, kind),
        sentence=partial(_sentence, kind),
        kinds=(kind,),
        on_photo=on_photo,
    )


CHANNEL = _method(
    "channel-gate",
    "Channel gate",
    "The weight of every channel",
    "s_c, the factor on channel c",
    "Hu et al. 2018, eq. 3",
    order=20,
    first=70,
    on_photo=False,
)
SPATIAL = _method(
    "spatial-gate",
    "Spatial gate",
    "The weight of every place",
    "M_ij, the factor on row i, column j",
    "Woo et al. 2018, eq. 5",
    order=30,
    first=50,
)
STRIP = _method(
    "strip-gate",
    "Strip gate",
    "The weight of every row and every column, and their product at every place",
    "g_i^h·g_j^w, a factor for row i times one for column j",
    "Hou et al. 2021, eq. 8 to 10",
    order=40,
    first=60,
)
