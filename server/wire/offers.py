"""What an analysis offers: its sites, their views, and its maps. Cached by the form of the trace.

Which views and maps exist, and why others do not, follows from the network, from what the probes
learned of it and from the shapes in the trace, never from values. So do the fields of a site,
except those of kinds with `facts`. What differs between photos is filled in each time: sentences
that name a class, and addresses, which begin with the analysis's own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from torch import Tensor

from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.methods.base import Subject
from fovea.models.methods.registry import METHODS
from fovea.models.records import Site
from fovea.server.wire.map_schemas import map_offer, sentence_fields, site_offers
from fovea.server.wire.site_schemas import SiteSummary, site_fields

KEPT = 64
"""Cached forms, some hundred kilobytes each."""

Said = dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Offered:
    """JSON objects; `href` lacks the address of the analysis. of: objects whose identity is part of
    the form, kept alive so that no other object can get the same id.
    """

    sites: tuple[Said, ...]
    maps: tuple[Said, ...]
    of: tuple[object, ...]


_offered: OrderedDict[Hashable, Offered] = OrderedDict()
_lock = Lock()


def offers(
    subject: Subject, here: str, input_px: tuple[int, int] | None
) -> tuple[list[Said], list[Said]]:
    """The JSON of (sites, maps) of an analysis at the address `here`.

    input_px: (height, width) of the network's input, if known.
    """
    found = _known(subject, input_px)
    sites = [
        {**said, **_facts(subject, site, input_px), "views": _at(here, said["views"])}
        for site, said in zip(subject.trace.sites, found.sites, strict=True)
    ]
    maps = [
        {**said, **sentence_fields(method, subject)}
        if method.for_class and said["reason"] is None
        else said
        for method, said in zip(METHODS, found.maps, strict=True)
    ]
    return sites, _at(here, maps)


def _at(here: str, offered: list[Said]) -> list[Said]:
    return [{**one, "href": here + one["href"]} for one in offered]


def _facts(subject: Subject, site: Site, input_px: tuple[int, int] | None) -> Said:
    """The fields of a site that may depend on the photo; most kinds have none."""
    return {} if SITE_KINDS[site.kind].facts is None else _summary(subject, site, input_px)


def _summary(subject: Subject, site: Site, input_px: tuple[int, int] | None) -> Said:
    fields = site_fields(subject.trace, site, subject.sentence, input_px)
    return SiteSummary(**fields, views=[]).model_dump(mode="json")


def _known(subject: Subject, input_px: tuple[int, int] | None) -> Offered:
    if subject.sentence is not None or subject.mask is not None:
        return _made(subject, input_px)  # Words and the classes of a mask depend on the photo.
    form = (_form(subject), input_px)
    with _lock:
        if (found := _offered.get(form)) is not None:
            _offered.move_to_end(form)
            return found
    found = _made(subject, input_px)
    with _lock:
        _offered[form] = found
        while len(_offered) > KEPT:
            _offered.popitem(last=False)
    return found


def _made(subject: Subject, input_px: tuple[int, int] | None) -> Offered:
    sites = []
    for site in subject.trace.sites:
        views = [offer.model_dump(mode="json") for offer in site_offers(subject, site, "")]
        sites.append({**_summary(subject, site, input_px), "views": views})
    maps = [map_offer(method, subject, "").model_dump(mode="json") for method in METHODS]
    layouts = tuple(site.layout for site in subject.trace.sites)
    return Offered(tuple(sites), tuple(maps), (subject.learned, layouts))


def _form(subject: Subject) -> Hashable:
    return (
        subject.name,
        subject.reads_photo,
        subject.predicted is None,
        id(subject.learned),
        tuple(_form_of(site) for site in subject.trace.sites),
    )


def _form_of(site: Site) -> Hashable:
    held = site.tensors
    return (
        site.id, site.kind, site.layer, site.name, site.grid, site.prefix_tokens, site.note,
        site.suffix_tokens, id(site.layout), type(held),
        *(_shape(getattr(held, name)) for name in held.__dataclass_fields__),
    )  # fmt: skip


def _shape(value: object) -> Hashable:
    if isinstance(value, Tensor):
        return tuple(value.shape), value.dtype
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
