"""Head importance: how much each head of each layer matters to the loss of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods.base import Subject
from fovea.models.methods.classes import class_method
from fovea.models.methods.probes import class_gradients

if TYPE_CHECKING:
    from fovea.models.methods.classes import MakeForClass
    from fovea.models.records import Site


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.maps.propagation import NotPossible
    from fovea.models.methods.making.choosing import fitting, require_classes

    require_classes(subject)
    fitting(subject, ("attention",))
    attentions = {one.id for one in subject.trace.sites if one.attends}
    if not attentions <= subject.ask(class_gradients):
        raise NotPossible("no gradient leads from a class to all its attention", "no-gradients")


def _maker() -> MakeForClass:
    from fovea.models.methods.making.for_class import head_importance

    return lambda module, photo, target, layouts: head_importance(module, photo, [target], layouts)


METHOD = class_method(
    "head-importance",
    check=_check,
    maker=_maker,
    english="How much each head matters to the loss of “{class}”",
    probe=class_gradients,
    order=180,
    title="Head importance",
    summary="How much each head of each layer matters to the loss of a class: layer × head",
    equation="mean over photos of abs(∂L/∂ξ_h), ξ_h a factor on head h, L the cross-entropy with a "
    "class: ∂L/∂ξ_h = Σ_ij A_ij ∂L/∂A_ij",
    paper="Michel et al. 2019, eq. 2",
    on_photo=False,
)
