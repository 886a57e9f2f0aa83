"""LeGrad: which attention would raise the class score, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods.base import Pass, Subject
from fovea.models.methods.chain import check_chain
from fovea.models.methods.classes import class_method

if TYPE_CHECKING:
    from fovea.models.methods.classes import MakeForClass
    from fovea.models.records import Site


def _probe(given: Pass) -> None:
    from fovea.models.methods.making.blockwise import try_legrad

    if given.classes is not None:
        try_legrad(given.module, given.inputs, given.classes - 1, given.layouts)


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.methods.making.choosing import require_classes

    check_chain(subject)
    require_classes(subject)
    subject.ask(_probe)


def _maker() -> MakeForClass:
    from fovea.models.methods.making.for_class import legrad

    return legrad


METHOD = class_method(
    "legrad",
    check=_check,
    maker=_maker,
    english="LeGrad for “{class}”: the gradient of attention in all {layers} layers, where it is "
    "positive",
    probe=_probe,
    through_layers=True,
    order=140,
    title="LeGrad",
    summary="The gradient of each layer's attention, where it is positive, added up over layers",
    equation="s_l = head(norm(mean over tokens of x_l)), x_l the output of block l; mean over "
    "layers, heads and queries of (∂s_l/∂A_l)⁺, without the P prefix columns",
    paper="Bousselham et al. 2024, arXiv 2404.03214",
)
