"""Every map that a network supports for a photo, as values on the cells of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.grids import PatchGrid
from fovea.models.methods.base import Made, Method, Pass, Subject
from fovea.models.methods.probes import learn
from fovea.models.methods.registry import METHODS
from fovea.models.running.inference import run

CLAIMS = ("attention map", "gate", "saliency", "token length")
"""Claims that mark something on the photo, unlike masks, grids and positions."""


@dataclass(frozen=True, eq=False, slots=True)
class PhotoPass:
    """A photo after a network's pass. scores: of its classes, (class,)."""

    loaded: LoadedModel
    inputs: Tensor
    subject: Subject
    scores: Tensor


def look(loaded: LoadedModel, inputs: Tensor, learned: dict[Any, Any]) -> PhotoPass:
    """One pass; `learned` is filled the first time and shared by all photos of a network."""
    logits, (trace,) = run(loaded.module, inputs, loaded.layouts)
    if not learned:
        given = Pass(loaded.module, inputs, loaded.layouts, trace, classes=logits.shape[-1])
        learned |= learn(given, METHODS)
    spec = loaded.spec
    assert spec.preprocessing is not None
    subject = Subject(
        trace=trace,
        name=spec.id,
        labels=spec.labels,
        predicted=int(logits[0].argmax()),
        normalisation=(spec.preprocessing.mean, spec.preprocessing.std),
        learned=learned,
    )
    return PhotoPass(loaded, inputs, subject, logits[0].softmax(-1))


def scored(seen: PhotoPass) -> list[Method]:
    """The maps over the photo that this network supports."""
    return [
        one
        for one in METHODS
        if one.on_photo and one.claim in CLAIMS and one.reason(seen.subject) is None
    ]


def values_of(own: Method, seen: PhotoPass, target: int | None = None) -> tuple[Tensor, PatchGrid]:
    """float64 (row, column), and the position of the cells, with the map's default options.

    target: the class, for a class map.
    """
    given = {"target": str(target)} if own.for_class and target is not None else {}
    with torch.no_grad():
        made = own.make(seen.subject, own.read(given))
    if not isinstance(made, Made):
        found = made.run(seen.loaded.module, seen.inputs, seen.loaded.layouts)
        with torch.no_grad():
            made = made.then(found)
    values = made.map.values.detach().double()
    if values.dim() != 2 or not made.on_photo:
        raise ValueError(f"{own.name} is not a single map over the photo: {made.map.axes}")
    grid = made.map.grid
    return values, grid if grid is not None and grid.depth == 1 else PatchGrid(*values.shape)
