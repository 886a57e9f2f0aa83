"""The maps of gates: the factor itself, one map for each kind of gate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from fovea.models.records import Map, Site


def gate_map(site: Site) -> Map:
    """The weight of each channel, (channel,), or the mask over places, (row, column)."""
    from fovea.models.records import Map

    values = site.gate.values[0]
    if site.kind == "channel-gate":
        sentence = f"Channel gate {site.layer}: the weight of each channel"
        return Map(values[:, 0, 0], ("channel",), None, sentence)
    sentence = f"Spatial gate {site.layer}: the weight of each place"
    return Map(values[0], ("row", "column"), None, sentence)


def _check(kind: str, subject: Subject, site: Site | None) -> None:
    from fovea.models.methods.making.choosing import fitting, of_kind

    of_kind(kind)(site) if site else fitting(subject, (kind,))


def _make(kind: str, subject: Subject, chosen: Options) -> Made:
    from fovea.models.methods.making.choosing import chosen as chosen_site

    site = chosen_site(subject, chosen, (kind,))
    return Made(gate_map(site), {"site": site.id})


def _sentence(kind: str, subject: Subject) -> Phrase:
    from fovea.models.methods.making.choosing import fitting

    site = fitting(subject, (kind,))
    name, of = ("Channel", "channel") if kind == "channel-gate" else ("Spatial", "place")
    return Phrase(
        kind, "{name} gate {layer}: the weight of each {of}",
        {"name": name, "layer": site.layer, "of": of},
    )  # fmt: skip


def _method(kind: str, title: str, summary: str, equation: str, paper: str) -> Method:
    return Method(
        name=kind,
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
        on_photo=kind != "channel-gate",
    )


CHANNEL = _method(
    "channel-gate",
    "Channel gate",
    "The weight of every channel",
    "s_c, the factor in 0…1 on channel c",
    "Hu et al. 2018, eq. 3",
)
SPATIAL = _method(
    "spatial-gate",
    "Spatial gate",
    "The weight of every place",
    "M_ij, the factor in 0…1 on row i, column j",
    "Woo et al. 2018, eq. 5",
)
