"""Attention-Grad-CAM: Grad-CAM on the class token's attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Ask, Method, Options, Phrase, Subject
from fovea.models.methods.chain import check_class
from fovea.models.methods.classes import class_phrase, for_class
from fovea.models.methods.probes import class_gradients

if TYPE_CHECKING:
    from fovea.models.records import Site


def _check(subject: Subject, site: Site | None) -> None:
    check_class(subject, class_token=True)


def _make(subject: Subject, chosen: Options) -> Ask:
    from fovea.models.methods.making.for_class import attention_grad_cam

    _check(subject, None)
    return for_class("attention-grad-cam", attention_grad_cam, subject, chosen)


def _sentence(subject: Subject) -> Phrase:
    return class_phrase(
        "attention-grad-cam",
        "Attention Grad-CAM for “{class}”: the last layer's class-token attention, heads weighed "
        "by their gradient",
        subject,
    )


METHOD = Method(
    name="attention-grad-cam",
    order=160,
    title="Attention Grad-CAM",
    summary="The last layer's class-token attention, heads weighed by their gradient",
    claim="saliency",
    equation="last layer: w_h = mean over patches of ∇A[h, 0, P:]; (mean_h w_h A[h, 0, P:])⁺",
    paper="Selvaraju et al. 2017, eq. 1 and 2; Chefer et al. 2021",
    options=(options.TARGET, options.AGAINST),
    check=_check,
    make=_make,
    sentence=_sentence,
    probe=class_gradients,
    for_class=True,
)
