"""DINO's map: the patches with most of the class token's attention."""

from __future__ import annotations

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject
from fovea.models.methods.chain import check_class_token


def _make(subject: Subject, chosen: Options) -> Made:
    from dataclasses import replace

    from fovea.models.kinds.attention.rows import fuse
    from fovea.models.maps.mass import dino
    from fovea.models.methods.making.queries import head_words, parse_head

    check_class_token(subject)
    found = dino(subject.trace, chosen["mass"])
    heads = parse_head(chosen["head"], found.values.shape[0])
    one = replace(
        found,
        values=fuse(found.values, heads),
        axes=found.axes if heads == "all" else found.axes[1:],
        sentence=f"{found.sentence}, {head_words(heads)}",
    )
    return Made(one, {"method": "dino", **chosen})


def _sentence(subject: Subject) -> Phrase:
    return Phrase(
        "dino",
        "The fewest patches that together get {mass} of what the class token looks at in the "
        "last layer, mean over heads",
        {"mass": f"{options.MASS.default:.0%}"},
    )


METHOD = Method(
    name="dino",
    order=90,
    title="Top 60 %",
    summary="The fewest patches that together get 60 % of what the class token looks at",
    claim="attention map",
    equation="last layer, class token: per head the smallest set of patches whose mass exceeds τ",
    paper="Caron et al. 2021, fig. 1 and appendix",
    options=(options.MASS, options.HEAD),
    check=check_class_token,
    make=_make,
    sentence=_sentence,
)
