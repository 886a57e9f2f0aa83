"""Rollout: how attention composes through the layers."""

from __future__ import annotations

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject
from fovea.models.methods.chain import check_chain, layers, start


def _make(subject: Subject, chosen: Options) -> Made:
    from fovea.models.maps import rollout

    check_chain(subject)
    make = rollout.vit_explain if chosen["variant"] == "vit-explain" else rollout.rollout
    given = {} if chosen["discard"] is None else {"discard": chosen["discard"]}
    found = make(subject.trace, chosen["fusion"], **given)
    return Made(found, {"method": "rollout", **chosen})


def _sentence(subject: Subject) -> Phrase:
    return Phrase(
        "rollout",
        "Rollout: where the attention of {start} comes from through all {layers} layers, heads "
        "averaged",
        {"start": start(subject), "layers": layers(subject)},
    )


METHOD = Method(
    name="rollout",
    order=80,
    first=20,
    title="Rollout",
    summary="Attention rollout: the layers multiplied, with the residual path",
    claim="attention map",
    equation="Ã_l = rownorm(fuse A_l + I); the class token's row of Ã_L … Ã_1, without the P "
    "prefix columns",
    paper="Abnar & Zuidema 2020, section 3",
    options=(options.FUSION, options.DISCARD, options.VARIANT),
    check=check_chain,
    make=_make,
    sentence=_sentence,
)
