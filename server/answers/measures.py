"""Runs the evidence measures for a map of an analysis, through the shared queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.evidence.cells import of_photo
from fovea.models.evidence.random_weights import layers_of, randomised
from fovea.models.judging import measures
from fovea.models.judging.measures import SEED, EvaluatedMap, Measure
from fovea.models.judging.verdicts import Found
from fovea.models.methods.base import Made, Method, Subject
from fovea.models.running.inference import run
from fovea.server.answers.marking import Marks, marks_in
from fovea.server.answers.views import of_made
from fovea.server.engine import editing
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.passes import Passes


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """A measurement request. fill, steps: None for the measure's default · mask: bool (row, column)
    over the photo, or boxes [left, top, right, bottom] in its pixels.
    """

    map: str
    measure: Measure
    options: Mapping[str, object] = field(default_factory=dict)
    target: str | None = None
    fill: str | None = None
    steps: int | None = None
    protocol: str | None = None
    mask: Any = None


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """What a measure works on. own, given: the map and its options · marks: its values · inputs:
    (1, channel, row, column) · weighed: the map on the network's input grid.
    """

    passes: Passes
    loaded: LoadedModel
    analysis: Analysis
    subject: Subject
    asked: MeasureRequest
    own: Method
    given: Mapping[str, object]
    marks: Marks
    inputs: Tensor
    weighed: EvaluatedMap


def _curves(scene: Scene, _: Tensor | None, *, insertion: bool) -> Found:
    asked = scene.asked
    scene.passes.total = measures.curve_passes(scene.weighed, asked.steps, asked.protocol)
    return measures.by_curves(
        scene.weighed,
        insertion=insertion,
        fill=asked.fill,
        steps=asked.steps,
        protocol=asked.protocol,
    )


def _road(scene: Scene, _: Tensor | None) -> Found:
    scene.passes.total = measures.ROAD_PASSES
    return measures.by_road(scene.weighed)


def _random_weights(scene: Scene, _: Tensor | None) -> Found:
    count = len(layers_of(scene.loaded.module))
    scene.passes.total = count
    return measures.by_random_weights(scene.weighed, _redrawn(scene, count), count)


def _redrawn(scene: Scene, count: int) -> Iterator[tuple[str, Tensor]]:
    """(layer, values): the map after each further layer is randomised, starting from the last."""
    changing = randomised(scene.loaded.module, SEED)

    def next_map(loaded: LoadedModel, inputs: Tensor) -> tuple[str, Marks]:
        # The copy is made here, where no other pass of this network is running.
        layer, module = next(changing)
        made = partial(_map_of, own=scene.own, subject=scene.subject, given=scene.given)
        ask = editing.under(scene.analysis, made)
        return layer, marks_in(scene.own.name, of_made(ask(replace(loaded, module=module), inputs)))

    for _ in range(count):
        layer, marks = scene.passes.ask(scene.loaded, next_map, scene.inputs)
        yield layer, marks.values


def _map_of(
    loaded: LoadedModel,
    inputs: Tensor,
    *,
    own: Method,
    subject: Subject,
    given: Mapping[str, object],
) -> Made:
    """The same map computed by another network of the same architecture."""
    _, (trace,) = run(loaded.module, inputs, loaded.layouts)
    options = own.read(given)
    with torch.no_grad():
        made = own.make(replace(subject, trace=trace), options)
        if isinstance(made, Made):
            return made
    found = made.run(loaded.module, inputs, loaded.layouts)
    with torch.no_grad():
        return made.then(found)


def _truth(scene: Scene, mask: Tensor | None) -> Found:
    assert mask is not None
    _, geometry = scene.analysis.view
    return measures.by_truth(scene.weighed, mask, of_photo(scene.marks.grid, geometry))


BY_NAME: dict[str, Callable[[Scene, Tensor | None], Found]] = {
    "deletion": partial(_curves, insertion=False),
    "insertion": partial(_curves, insertion=True),
    "road": _road,
    "random-weights": _random_weights,
    "truth": _truth,
}
