"""The JSON of the maps of an analysis and of the views of its sites."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pydantic import Field

from fovea.models.evidence.measured import Verdict, standing
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.methods.base import Method, Phrase, Subject
from fovea.models.methods.registry import METHODS
from fovea.models.records import Site
from fovea.server.answers import views
from fovea.server.wire.outputs import Schema


class Offer(Schema):
    """Something that `href` answers, or the reason why it is unavailable."""

    name: str
    title: str
    claim: str = Field(description="what kind of statement it makes")
    href: str = Field(description="answers 200 where `reason` is null, else 409 with that sentence")
    options: dict[str, Any] = Field(description="JSON Schema of its parameters, with defaults")
    reason: str | None = Field(description="why this analysis cannot have it")
    reason_key: str | None = Field(None, description="the same for other languages")
    reason_parameters: dict[str, Any] | None = None


class Standing(Schema):
    """How well the map scored on this network over many photos (docs/evidence.md)."""

    rank: int = Field(description="1 is the best of this network's maps")
    photos: int
    score: float = Field(
        description="insertion less deletion, the mean over photos; higher is better"
    )
    error: float = Field(description="its standard error")
    verdict: Verdict = Field(
        description="than a blob in the middle, by two standard errors of the difference"
    )
    sentence: str
    sentence_key: str
    sentence_english: str
    sentence_parameters: dict[str, Any]


class MapOffer(Offer):
    sentence: str = Field(description="what it shows where no option is given")
    sentence_key: str = Field(description="the same for other languages")
    sentence_english: str = Field(description="with {names} of the parameters in it")
    sentence_parameters: dict[str, Any]
    summary: str = Field(description="what such a map is")
    equation: str
    paper: str
    for_class: bool = Field(description="whether it is for a class, or a word, of the answer")
    on_photo: bool = Field(description="whether its values are places on the photo")
    kinds: list[str] = Field(
        description="of the sites that it can be of by itself; empty: it is of the whole network"
    )
    measured: Standing | None = Field(
        None, description="null: this map was not measured on this network"
    )


def map_offer(method: Method, subject: Subject, here: str) -> MapOffer:
    """A map of the product, supported or not. here: address of the analysis."""
    reason = method.reason(subject)
    summary = Phrase(method.name, method.summary)
    said = _said(summary) if reason else sentence_fields(method, subject)
    return MapOffer(
        name=method.name,
        title=method.title,
        claim=method.claim,
        href=f"{here}/maps/{method.name}",
        options=method.schema,
        summary=method.summary,
        equation=method.equation,
        paper=method.paper,
        for_class=method.for_class,
        on_photo=method.on_photo,
        kinds=list(method.kinds),
        measured=_standing(subject.name, method.name),
        **said,
        **_why(reason),
    )


def sentence_fields(method: Method, subject: Subject) -> dict[str, Any]:
    """What a map shows of a subject that can have it, where no option is given."""
    return _said(method.sentence(subject))


def _said(sentence: Phrase) -> dict[str, Any]:
    return {
        "sentence": str(sentence),
        "sentence_key": sentence.key,
        "sentence_english": sentence.english,
        "sentence_parameters": dict(sentence.parameters),
    }


def _standing(network: str, name: str) -> Standing | None:
    found = standing(network, name)
    if found is None:
        return None
    told = {
        "score": f"{found.score:.2f}",
        "error": f"{found.error:.2f}",
        "centre": f"{found.centre:.2f}",
        "photos": found.photos,
    }
    english = f"It is {found.verdict} than a blob in the middle: {{score}} ± {{error}} against"
    sentence = Phrase(
        f"measured-{found.verdict.replace(' ', '-')}",
        f"{english} {{centre}}, over {{photos}} photos",
        told,
    )
    return Standing(
        rank=found.rank,
        photos=found.photos,
        score=found.score,
        error=found.error,
        verdict=found.verdict,
        sentence=f"{sentence}.",
        sentence_key=sentence.key,
        sentence_english=f"{sentence.english}.",
        sentence_parameters=told,
    )


def _why(reason: Phrase | None) -> dict[str, Any]:
    return {
        "reason": None if reason is None else str(reason),
        "reason_key": None if reason is None else reason.key,
        "reason_parameters": None if reason is None else dict(reason.parameters),
    }


def site_offers(subject: Subject, site: Site, here: str) -> list[Offer]:
    """What a site can show: its kind's views, and the maps available for a single site of that
    kind.
    """
    own = [method for method in METHODS if site.kind in method.kinds]
    offers, placed = [], set()
    for view in SITE_KINDS[site.kind].views:
        address = f"{here}/sites/{site.id}/{view}"
        method = next((one for one in own if one.name in views.MAPS_AT.get(view, ())), None)
        if method is not None:
            placed.add(method.name)
            offers.append(_of_site(method, subject, site, address, ("word",)))
        elif view in views.VIEWS:
            offers.append(_of_view(view, subject, site, address))
    return offers + [
        _of_site(method, subject, site, f"{here}/maps/{method.name}?site={quote(site.id)}")
        for method in own
        if method.name not in placed
    ]


def _of_view(name: str, subject: Subject, site: Site, address: str) -> Offer:
    view = views.VIEWS[name]
    return Offer(
        name=name,
        title=view.title,
        claim=view.claim,
        href=address,
        options=view.schema,
        **_why(view.reason(subject, site)),
    )


def _of_site(
    method: Method, subject: Subject, site: Site, address: str, without: Sequence[str] = ()
) -> Offer:
    schema = method.schema
    chosen = {"site", "layer", *without}
    schema["properties"] = {
        name: option for name, option in schema["properties"].items() if name not in chosen
    }
    return Offer(
        name=method.name,
        title=method.title,
        claim=method.claim,
        href=address,
        options=schema,
        **_why(method.reason(subject, site)),
    )
