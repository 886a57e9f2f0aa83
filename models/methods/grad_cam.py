"""Grad-CAM: the last feature maps, each weighted by its gradient of the class score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods.base import Pass, Subject
from fovea.models.methods.classes import class_method

if TYPE_CHECKING:
    from fovea.models.methods.classes import MakeForClass
    from fovea.models.records import Site


def _probe(given: Pass) -> None:
    from fovea.models.methods.making.grad_cam import grad_cam

    if given.classes is not None:
        grad_cam(given.module, given.inputs, 0)


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.maps.propagation import NotPossible
    from fovea.models.methods.making.choosing import require_classes
    from fovea.models.records import Sampling

    require_classes(subject)
    if any(isinstance(one.tensors, Sampling) for one in subject.trace.sites):
        raise NotPossible(
            "its feature maps lie on what a spatial transformer passed on, not on the photo",
            "warped-features",
        )
    subject.ask(_probe)


def _maker() -> MakeForClass:
    from fovea.models.methods.making.grad_cam import grad_cam

    return lambda module, photo, target, _: grad_cam(module, photo, target)


METHOD = class_method(
    "grad-cam",
    check=_check,
    maker=_maker,
    english="Grad-CAM for “{class}”: the last feature maps, weighed by their gradient",
    probe=_probe,
    order=170,
    title="Grad-CAM",
    summary="The last feature maps, each weighed by how much the class's score rises with it",
    equation="on the last feature map F with rows and columns: "
    "(Σ_c (mean over places of ∂y/∂F_c)·F_c)⁺",
    paper="Selvaraju et al. 2017, eq. 1 and 2",
)
