"""Head importance: how much each head of each layer matters to the loss of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Ask, Method, Options, Phrase, Subject
from fovea.models.methods.classes import class_phrase, for_class
from fovea.models.methods.probes import class_gradients

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fovea.models.places.layout import Layouts
    from fovea.models.records import Map, Site


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.maps.propagation import NotPossible
    from fovea.models.methods.making.choosing import fitting, require_classes

    require_classes(subject)
    fitting(subject, ("attention",))
    attentions = {one.id for one in subject.trace.sites if one.attends}
    if not attentions <= subject.ask(class_gradients):
        raise NotPossible("no gradient leads from a class to all its attention", "no-gradients")


def _make(subject: Subject, chosen: Options) -> Ask:
    from fovea.models.methods.making.for_class import head_importance

    def make(module: nn.Module, photo: Tensor, target: int, layouts: Layouts) -> Map:
        return head_importance(module, photo, [target], layouts)

    _check(subject, None)
    return for_class("head-importance", make, subject, chosen)


def _sentence(subject: Subject) -> Phrase:
    return class_phrase(
        "head-importance", "How much each head matters to the loss of “{class}”", subject
    )


METHOD = Method(
    name="head-importance",
    order=180,
    title="Head importance",
    summary="How much each head of each layer matters to the loss of a class: layer × head",
    claim="saliency",
    equation="mean over photos of abs(∂L/∂ξ_h), ξ_h a factor on head h, L the cross-entropy with a "
    "class: ∂L/∂ξ_h = Σ_ij A_ij ∂L/∂A_ij",
    paper="Michel et al. 2019, eq. 2",
    options=(options.TARGET, options.AGAINST),
    check=_check,
    make=_make,
    sentence=_sentence,
    probe=class_gradients,
    for_class=True,
    on_photo=False,
)
