"""Gradient rollout: rollout of attention weighed by the gradient of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Ask, Method, Options, Phrase, Subject
from fovea.models.methods.chain import check_class, layers
from fovea.models.methods.classes import class_phrase, for_class
from fovea.models.methods.probes import class_gradients

if TYPE_CHECKING:
    from fovea.models.records import Site


def _check(subject: Subject, site: Site | None) -> None:
    check_class(subject)


def _make(subject: Subject, chosen: Options) -> Ask:
    from fovea.models.methods.making.for_class import gradient_rollout

    _check(subject, None)
    return for_class("gradient-rollout", gradient_rollout, subject, chosen)


def _sentence(subject: Subject) -> Phrase:
    return class_phrase(
        "gradient-rollout",
        "Gradient rollout for “{class}”: attention through all {layers} layers, weighed by its "
        "gradient",
        subject,
        layers=layers(subject),
    )


METHOD = Method(
    name="gradient-rollout",
    order=150,
    title="Gradient rollout",
    summary="Rollout of attention times its gradient, where that is positive",
    claim="saliency",
    equation="as rollout with E_l = (mean_h A⊙∇A)⁺ in place of the fused A_l, clamped after the "
    "mean",
    paper="after Abnar & Zuidema 2020",
    options=(options.TARGET, options.AGAINST),
    check=_check,
    make=_make,
    sentence=_sentence,
    probe=class_gradients,
    for_class=True,
)
