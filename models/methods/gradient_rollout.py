"""Gradient rollout: rollout of attention weighed by the gradient of a class."""

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
    check_class(subject)


def _maker() -> MakeForClass:
    from fovea.models.methods.making.for_class import gradient_rollout

    return gradient_rollout


METHOD = class_method(
    "gradient-rollout",
    check=_check,
    maker=_maker,
    english="Gradient rollout for “{class}”: attention through all {layers} layers, weighed by its "
    "gradient",
    probe=class_gradients,
    through_layers=True,
    order=150,
    title="Gradient rollout",
    summary="Rollout of attention times its gradient, where that is positive",
    equation="as rollout with E_l = (mean_h A⊙∇A)⁺ in place of the fused A_l, clamped after the "
    "mean",
    paper="after Abnar & Zuidema 2020",
)
