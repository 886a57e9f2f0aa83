"""The measures of evidence for a map, each beside maps that know nothing of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from statistics import fmean
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.evidence.baselines import RANDOM_MAPS, random_map
from fovea.models.evidence.cells import of_input, of_photo
from fovea.models.evidence.curves import Curve, curves, mean_height, passes, rise_curve
from fovea.models.evidence.fills import Fill, filled
from fovea.models.evidence.place import place, spread_of
from fovea.models.evidence.random_weights import layers_of, randomised
from fovea.models.evidence.ranking import order, schedule, spearman
from fovea.models.evidence.road import SHARES, road_pairs, road_score
from fovea.models.evidence.truth import TOLERANCE_PX, agreement
from fovea.models.methods.base import Made, Method, Subject
from fovea.models.running.inference import run
from fovea.server.answers.marking import (
    Marks,
    knowing_nothing,
    marks_in,
    normalisation,
)
from fovea.server.answers.verdicts import (
    Found,
    baselines,
    compared,
    finite,
    numbers,
    points,
    said,
    times,
)
from fovea.server.answers.views import of_made
from fovea.server.engine import editing
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.passes import Passes

Measure = Literal["deletion", "insertion", "road", "random-weights", "truth"]
MEASURES: tuple[str, ...] = get_args(Measure)
STEPS = 24
SEED = 0
"""Of the order of cells that a map does not tell apart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. fill, steps: None for the measure's own · mask: bool (row, column) of the
    photo, or boxes [left, top, right, bottom] in its pixels.
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
    """What a measure works on. picture: what the network was given, 0…1, (channel, row, column) ·
    cells: of each of its pixels · score: pictures → probabilities of the class.
    """

    passes: Passes
    loaded: LoadedModel
    analysis: Analysis
    subject: Subject
    asked: Asked
    own: Method
    given: Mapping[str, object]
    marks: Marks
    inputs: Tensor
    picture: Tensor
    target: int

    @property
    def cells(self) -> Tensor:
        return of_input(self.marks.grid, *self.picture.shape[1:])

    @property
    def baselines(self) -> dict[str, Tensor]:
        """Maps by their names: centre, edges, and random 0, random 1, …"""
        rows, columns = self.marks.values.shape
        random = {f"random {seed}": random_map(rows, columns, seed) for seed in range(RANDOM_MAPS)}
        return {**knowing_nothing(self.picture, self.marks.grid), **random}

    def of_inputs(self, inputs: Tensor) -> Tensor:
        return self.passes.logits(self.loaded, inputs).softmax(-1)[:, self.target]

    def of_pictures(self, pictures: Tensor) -> Tensor:
        assert self.loaded.spec.preprocessing is not None
        mean, std = normalisation(self.loaded.spec.preprocessing)
        return self.of_inputs((pictures - mean) / std)


def told_of(scene: Scene) -> Found:
    """What was measured: the same for every measure."""
    index = scene.target
    return {
        "measure": scene.asked.measure,
        "map": scene.own.name,
        "map_sentence": scene.marks.sentence,
        "target": {"index": index, "label": scene.analysis.model.label(index)},
        "grid": list(scene.marks.values.shape),
        "seed": SEED,
    }


# The measures -----------------------------------------------------------------------------------


def _curves(scene: Scene, _: Tensor | None, *, insertion: bool) -> Found:
    """Deletion: from the photo to its fill, the highest cells first. Insertion: the other way."""
    asked = scene.asked
    maps = {"own": scene.marks.values, **scene.baselines}
    counts = schedule(scene.marks.values.numel(), asked.steps or STEPS)
    found: dict[str, Curve] = {}
    area: Callable[[Curve], float]
    if asked.protocol == "rise":
        scene.passes.total = len(maps) * 226
        area = mean_height
        for name, values in maps.items():
            found[name] = rise_curve(
                torch.nan_to_num(values, nan=0.0), scene.inputs[0], scene.of_inputs,
                insertion=insertion, seed=SEED,
            )  # fmt: skip
    else:
        scene.passes.total = passes(len(maps), scene.marks.values.numel(), counts)
        fill: Fill = asked.fill or ("blur" if insertion else "mean")  # type: ignore[assignment]
        instead = filled(scene.picture, fill, SEED)
        ends = (instead, scene.picture) if insertion else (scene.picture, instead)
        ranked = {name: order(values, SEED) for name, values in maps.items()}
        found = curves(*ends, scene.cells, ranked, counts, scene.of_pictures)
        area = _area
    scores = {name: area(one) for name, one in found.items()}
    random = spread_of([one for name, one in scores.items() if name.startswith("random")])
    placed = place(
        scores["own"], found["own"].probabilities[0], random, scores["centre"], scores["edges"],
        lower=not insertion,
    )  # fmt: skip
    randoms = [one for name, one in found.items() if name.startswith("random")]
    rise = asked.protocol == "rise"
    return {
        "score": scores["own"],
        "better": "higher" if insertion else "lower",
        "fill": None if rise else asked.fill or ("blur" if insertion else "mean"),
        "protocol": asked.protocol,
        "curve": points(found["own"]),
        "baselines": baselines(random, scores),
        "baseline_curves": {
            "random": [
                {"share": share, "probability": fmean(one.probabilities[i] for one in randoms)}
                for i, share in enumerate(randoms[0].shares)
            ],
            **{name: points(found[name]) for name in ("centre", "edges")},
        },
        "place": {**asdict(placed), "beyond_chance": placed.beyond_chance},
        **said(
            times(placed.against_random, placed.against_centre, placed.beyond_chance, insertion)
        ),
    }


def _area(found: Curve) -> float:
    return found.area


def _road(scene: Scene, _: Tensor | None) -> Found:
    maps = {"own": scene.marks.values, **scene.baselines}
    scene.passes.total = 2 * len(SHARES) * len(maps)
    pairs = {
        name: road_pairs(
            scene.picture, scene.cells, order(values, SEED), scene.of_pictures, seed=SEED
        )
        for name, values in maps.items()
    }
    scores = {name: road_score(one) for name, one in pairs.items()}
    told = compared(scores, higher=True)
    english = (
        "Hiding what this map marks most, with the holes filled from beside them, costs the answer "
        "{score} more than hiding what it marks least; {random} at random, {centre} from the middle"
    )
    return {
        **told,
        "curve": [
            {"share": share, "probability": morf, "least": lerf}
            for share, morf, lerf in pairs["own"]
        ],
        **said(numbers("road", english, scores, told)),
    }


def _random_weights(scene: Scene, _: Tensor | None) -> Found:
    """ρ of the map with that of the same network, layer after layer drawn anew, the last first."""
    names = layers_of(scene.loaded.module)
    scene.passes.total = len(names)
    changing = randomised(scene.loaded.module, SEED)

    def next_map(loaded: LoadedModel, inputs: Tensor) -> tuple[str, Marks]:
        # The copy is made here, where no other pass of this network is under way.
        layer, module = next(changing)
        made = partial(_map_of, own=scene.own, subject=scene.subject, given=scene.given)
        ask = editing.under(scene.analysis, made)
        return layer, marks_in(scene.own.name, of_made(ask(replace(loaded, module=module), inputs)))

    steps: list[Found] = []
    for number in range(len(names)):
        layer, marks = scene.passes.ask(scene.loaded, next_map, scene.inputs)
        rho = spearman(scene.marks.values, marks.values)
        steps.append({"share": (number + 1) / len(names), "rho": finite(rho), "layer": layer})
    last: float | None = steps[-1]["rho"]
    others = {name: spearman(scene.marks.values, one) for name, one in scene.baselines.items()}
    told = compared({"own": float("nan") if last is None else last, **others}, higher=False)
    english = (
        "With all weights drawn anew the map keeps a rank correlation of {score} with the trained "
        "network's; random maps have {random}. A map that stays the same says nothing about what "
        "was learnt"
    )
    return {
        **told,
        "score": last,
        "curve": steps,
        **said(numbers("random-weights", english, {"own": last, **others}, told)),
    }


def _map_of(
    loaded: LoadedModel,
    inputs: Tensor,
    *,
    own: Method,
    subject: Subject,
    given: Mapping[str, object],
) -> Made:
    """The same map by another network of the same shape."""
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
    of = of_photo(scene.marks.grid, geometry)
    maps = {"own": scene.marks.values, **scene.baselines}
    found = {name: _agreement(values, of, mask) for name, values in maps.items()}
    told = compared({name: one["mass"] for name, one in found.items()}, higher=True)
    random = [one for name, one in found.items() if name.startswith("random")]
    english = (
        "{score} of what this map marks lies where the truth is; {random} at random, {centre} from "
        "the middle"
    )
    scores = {name: one["mass"] for name, one in found.items()}
    return {
        **told,
        "curve": [],
        "truth": found["own"],
        "baseline_truth": {
            "random": {key: fmean(float(one[key]) for one in random) for key in found["own"]},
            "centre": found["centre"],
            "edges": found["edges"],
        },
        **said(numbers("truth", english, scores, told)),
    }


def _agreement(values: Tensor, of: Tensor, mask: Tensor) -> dict[str, Any]:
    """hit, mass, iou over the photo's pixels; the highest place is the middle of its cell."""
    seen = of >= 0
    flat = torch.cat([values.flatten(), torch.tensor([torch.nan], dtype=torch.float64)])
    found = agreement(flat[of], mask)
    best = int(torch.nan_to_num(values.flatten(), nan=-torch.inf).argmax())
    at = ((of == best) & seen).nonzero().double()
    if len(at):
        away = (mask.nonzero().double() - at.mean(0)).square().sum(1).min().sqrt()
        found = replace(found, hit=bool(away <= TOLERANCE_PX))
    return {"hit": found.hit, "mass": finite(found.mass), "iou": found.iou}


BY_NAME: dict[str, Callable[[Scene, Tensor | None], Found]] = {
    "deletion": partial(_curves, insertion=False),
    "insertion": partial(_curves, insertion=True),
    "road": _road,
    "random-weights": _random_weights,
    "truth": _truth,
}
