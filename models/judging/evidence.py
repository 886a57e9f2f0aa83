"""Evidence for a map of any network, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fovea.models.evidence.cells import of_input, of_photo
from fovea.models.evidence.fills import FILLS
from fovea.models.evidence.random_weights import layers_of, randomised
from fovea.models.geometry import Geometry
from fovea.models.judging import measures
from fovea.models.judging.measures import (
    MEASURES,
    SEED,
    TAKEN,
    EvaluatedMap,
    Measure,
    mask_of_boxes,
)
from fovea.models.judging.subject import MapLike, PassResult, look, values_of
from fovea.models.preprocessing import Preprocessing
from fovea.models.records import Map
from fovea.models.running.outputs import tensor_of


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """A map's score beside its baselines', with a sentence.

    score: None if not a number · better: "lower" or "higher" · curve: a mapping for each point ·
    baselines: random (mean, spread, n), centre, edges · place: how many times faster than each
    baseline the map changes the answer, and its distance from random in standard deviations · more:
    further results of the measure, as in REST (docs/what-if.md).
    """

    measure: Measure
    target: int
    score: float | None
    better: str
    sentence: str
    curve: Sequence[Mapping[str, Any]]
    baselines: Mapping[str, Any]
    place: Mapping[str, Any]
    more: Mapping[str, Any]


def evidence(
    module: torch.nn.Module,
    inputs: Tensor,
    found: MapLike,
    measure: Measure = "deletion",
    *,
    target: int | None = None,
    fill: str | None = None,
    steps: int | None = None,
    protocol: str | None = None,
    mask: Tensor | None = None,
    boxes: Sequence[Sequence[float]] | None = None,
    geometry: Geometry | None = None,
    preprocessing: Preprocessing | None = None,
    batch: int = 8,
) -> Evidence:
    """Measures whether the regions that a map marks matter, beside baseline maps.

    module: in eval mode, with (1, class) as its output. inputs: (1, channel, height, width). found:
    a map over the photo, (row, column), or a function (module, inputs) → map; "random-weights"
    requires the function, as it recomputes the map. target: the class, by default the predicted
    one; a class map should be for the same class.

    deletion, insertion (Petsiuk et al. 2018, section 4.2): fill, steps, protocol="rise" · road
    (Rong et al. 2022, section 4.2) · random-weights (Adebayo et al. 2018, section 4.1) · truth:
    mask, bool (row, column), or boxes [left, top, right, bottom] in pixels, on the photo if
    `geometry` is given, else on the input. preprocessing: of the input; required by `grey` and
    `noise`.

    Raises ValueError for invalid arguments.
    """
    said = {"fill": fill, "steps": steps, "protocol": protocol, "mask": mask, "boxes": boxes}
    _check(measure, found, {**said, "geometry": geometry}, preprocessing)
    looked = look(module, inputs, target, preprocessing)
    values, grid = values_of(found, looked)

    def score(some: Tensor) -> Tensor:
        with torch.inference_mode():
            asked = [tensor_of(module(one)) for one in some.split(batch)]
        return torch.cat(asked).softmax(-1)[:, looked.target]

    weighed = EvaluatedMap(values, grid, inputs[0], looked.mean, looked.std, score)
    if measure == "road":
        told = measures.by_road(weighed)
    elif measure == "random-weights":
        count = len(layers_of(module))
        told = measures.by_random_weights(weighed, _redrawn(looked, found), count)
    elif measure == "truth":
        told = measures.by_truth(weighed, *_truth(weighed, mask, boxes, geometry))
    else:
        told = measures.by_curves(
            weighed, insertion=measure == "insertion", fill=fill, steps=steps, protocol=protocol
        )
    plain = {name: told[name] for name in _FIELDS}
    more = {name: value for name, value in told.items() if name not in _FIELDS}
    return Evidence(measure=measure, target=looked.target, more=more, **plain)


_FIELDS = ("score", "better", "sentence", "curve", "baselines", "place")


def _redrawn(looked: PassResult, found: MapLike) -> Iterator[tuple[str, Tensor]]:
    for layer, module in randomised(looked.module, SEED):
        yield layer, values_of(found, replace(looked, module=module))[0]


def _truth(
    weighed: EvaluatedMap,
    mask: Tensor | None,
    boxes: Sequence[Sequence[float]] | None,
    geometry: Geometry | None,
) -> tuple[Tensor, Tensor]:
    """(mask, cell of each of its pixels)."""
    if geometry is None:
        height, width = weighed.inputs.shape[1:]
        of = of_input(weighed.grid, height, width)
    else:
        height, width = geometry.image_height, geometry.image_width
        of = of_photo(weighed.grid, geometry)
    there = mask if mask is not None else mask_of_boxes(boxes or (), height, width)
    if tuple(there.shape) != (height, width):
        raise ValueError(f"mask is {tuple(there.shape)}; it has to be ({height}, {width})")
    if not bool(there.any()):
        raise ValueError("mask is empty: there is nothing to point at")
    return there.bool().cpu(), of


def _check(
    measure: str,
    found: MapLike,
    said: Mapping[str, Any],
    preprocessing: Preprocessing | None,
) -> None:
    if measure not in MEASURES:
        raise ValueError(f"there is no measure {measure!r}; valid: {', '.join(MEASURES)}")
    for name, value in said.items():
        if value is not None and measure not in TAKEN[name]:
            raise ValueError(f"{measure} takes no {name}; {' and '.join(TAKEN[name])} do")
    fill, steps, protocol = (said[name] for name in ("fill", "steps", "protocol"))
    if fill is not None and fill not in FILLS:
        raise ValueError(f"there is no fill {fill!r}; valid: {', '.join(FILLS)}")
    if fill in ("grey", "noise") and preprocessing is None:
        raise ValueError(f"fill={fill!r} is a colour of photos: preprocessing says what made them")
    if protocol not in (None, "rise"):
        raise ValueError(f"there is no protocol {protocol!r}; valid: rise")
    if protocol is not None and (fill is not None or steps is not None):
        raise ValueError("protocol='rise' has a fill and steps of its own; leave them out")
    if measure == "truth" and (said["mask"] is None) == (said["boxes"] is None):
        raise ValueError("truth needs the object's position: a mask, or boxes")
    if measure == "random-weights" and isinstance(found, Map | Tensor):
        raise ValueError(
            "random-weights makes the map again with other weights: give a function (module, "
            "inputs) → map, such as fovea.explain.rollout"
        )
