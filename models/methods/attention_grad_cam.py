"""Attention-Grad-CAM: Grad-CAM on the class token's attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods.base import Subject
from fovea.models.methods.chain import check_class
from fovea.models.methods.classes import class_method
from fovea.models.methods.probes import class_gradients

if TYPE_CHECKING:
    from fovea.models.methods.classes import MakeForClass
    from fovea.models.records import Site


def _check(subject: Subject, site: Site | None) -> None:
    check_class(subject, class_token=True)


def _maker() -> MakeForClass:
    from fovea.models.methods.making.for_class import attention_grad_cam

    return attention_grad_cam


METHOD = class_method(
    "attention-grad-cam",
    check=_check,
    maker=_maker,
    english="Attention Grad-CAM for “{class}”: the last layer's class-token attention, heads "
    "weighed by their gradient",
    probe=class_gradients,
    order=160,
    title="Attention Grad-CAM",
    summary="The last layer's class-token attention, heads weighed by their gradient",
    equation="last layer: w_h = mean over patches of ∇A[h, 0, P:]; (mean_h w_h A[h, 0, P:])⁺",
    paper="Selvaraju et al. 2017, eq. 1 and 2; Chefer et al. 2021",
)
