"""One layer's attention: what a token attends to, what attends to it, or the whole matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from fovea.models.records import Site

KINDS = ("attention",)


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.methods.making.choosing import fitting, of_kind

    of_kind(*KINDS)(site) if site else fitting(subject, KINDS)


def _make(subject: Subject, chosen: Options) -> Made:
    from fovea.models.methods.base import BadOption
    from fovea.models.methods.making.attending import attended
    from fovea.models.methods.making.choosing import chosen as chosen_site
    from fovea.models.methods.making.queries import asked_word

    site = chosen_site(subject, chosen, KINDS)
    query: str | None = chosen["query"]
    if chosen["word"] is not None:
        if query is not None:
            raise BadOption("query and word name the same thing; give one of them.")
        query = asked_word(subject, site, chosen["word"], chosen["direction"])
    elif query is None and not subject.reads_photo:
        query = "all"
    rest: dict[str, Any] = {name: chosen[name] for name in ("direction", "head", "window")}
    return attended(site, query, sentence=subject.sentence, **rest)


def _sentence(subject: Subject) -> Phrase:
    from fovea.models.methods.making.choosing import fitting

    site = fitting(subject, KINDS)
    if not subject.reads_photo:
        return Phrase(
            "attention.words",
            "Attention {layer}, mean over heads: which words each word looks at",
            {"layer": site.layer},
        )
    who = "the class token" if site.prefix_tokens and site.grid else "the token in the middle"
    return Phrase(
        "attention.row",
        "Attention {layer}, mean over heads: what {who} looks at",
        {"layer": site.layer, "who": who},
    )


METHOD = Method(
    name="attention",
    order=10,
    first=40,
    title="Attention",
    summary="What one token of a layer looks at, or what looks at it",
    claim="attention map",
    equation="A_i = softmax(q_i Kᵀ·scale + mask), its row i; or its column",
    paper="Vaswani et al. 2017, eq. 1",
    options=(
        options.SITE,
        options.LAYER,
        options.QUERY,
        options.WORD,
        options.DIRECTION,
        options.HEAD,
        options.WINDOW,
    ),
    check=_check,
    make=_make,
    sentence=_sentence,
    kinds=KINDS,
)
