"""Maps of gates: the factor itself, one map for each `GateMap` that a folder of kinds declares."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fovea.models.kinds import declared
from fovea.models.kinds.gate_map import GateMap
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


def _method(gate: GateMap) -> Method:
    return Method(
        name=gate.kind,
        order=gate.order,
        first=gate.first,
        title=gate.title,
        summary=gate.summary,
        claim="gate",
        equation=gate.equation,
        paper=gate.paper,
        options=(options.SITE, options.LAYER),
        check=partial(_check, gate.kind),
        make=partial(_make, gate.kind),
        sentence=partial(_sentence, gate.kind),
        kinds=(gate.kind,),
        on_photo=gate.on_photo,
    )


METHODS = tuple(_method(gate) for maps in declared("maps", "MAPS") for gate in maps)
