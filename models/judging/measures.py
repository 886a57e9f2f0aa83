"""The evidence measures for a map, each computed for baseline maps too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from fovea.models.evidence.baselines import RANDOM_MAPS, centre, edges, random_map
from fovea.models.evidence.cells import of_input
from fovea.models.evidence.curves import (
    Curve,
    Score,
    curves,
    mean_height,
    passes,
    rise_curve,
    rise_passes,
)
from fovea.models.evidence.fills import Fill, filled
from fovea.models.evidence.place import place, spread_of
from fovea.models.evidence.ranking import order, schedule, spearman
from fovea.models.evidence.road import SHARES, road_pairs, road_score
from fovea.models.evidence.truth import TOLERANCE_PX, agreement
from fovea.models.grids import PatchGrid
from fovea.models.judging.verdicts import (
    Found,
    baselines,
    compared,
    finite,
    numbers,
    points,
    said,
    times,
)

Measure = Literal["deletion", "insertion", "road", "random-weights", "truth"]
MEASURES: tuple[str, ...] = get_args(Measure)
TAKEN: dict[str, tuple[Measure, ...]] = {
    "fill": ("deletion", "insertion"),
    "steps": ("deletion", "insertion"),
    "protocol": ("deletion", "insertion"),
    "mask": ("truth",),
    "boxes": ("truth",),
    "geometry": ("truth",),
}
"""Which measures accept each option."""
STEPS = 24
SEED = 0
"""Seed for the order of tied cells."""


@dataclass(frozen=True, eq=False, slots=True)
class EvaluatedMap:
    """A map with everything needed to evaluate it.

    values: float64 (row, column) · grid: position of its cells · inputs: the network's input,
    (channel, row, column) · mean, std: normalisation of the channels, each (channel, 1, 1) · score:
    inputs, (picture, channel, row, column) → probability of the class.
    """

    values: Tensor
    grid: PatchGrid
    inputs: Tensor
    mean: Tensor
    std: Tensor
    score: Score

    @property
    def picture(self) -> Tensor:
        """The network's input as a photo: 0…1."""
        return self.inputs * self.std + self.mean

    @property
    def cells(self) -> Tensor:
        """int64 (row, column): the cell of each pixel of the input, −1 for none."""
        return of_input(self.grid, *self.inputs.shape[1:])

    def of_pictures(self, pictures: Tensor) -> Tensor:
        return self.score((pictures - self.mean) / self.std)

    def maps(self) -> dict[str, Tensor]:
        """The map itself, as "own", and the baselines: centre, edges, random 0, …"""
        rows, columns = self.values.shape
        return {"own": self.values, **knowing_nothing(self.picture, self.grid), **{
            f"random {seed}": random_map(rows, columns, seed) for seed in range(RANDOM_MAPS)
        }}  # fmt: skip


def knowing_nothing(picture: Tensor, grid: PatchGrid) -> dict[str, Tensor]:
    """The deterministic baseline maps by name.

    picture: the network's input, 0…1, (channel, row, column).
    """
    of = of_input(grid, *picture.shape[1:])
    return {
        "centre": centre(grid.rows, grid.columns),
        "edges": padded(edges(picture, of), grid),
    }


def padded(values: Tensor, grid: PatchGrid) -> Tensor:
    """Values of the leading cells as (row, column); 0 for trailing cells without a pixel."""
    full = torch.zeros(grid.rows * grid.columns, dtype=torch.float64)
    full[: len(values)] = values
    return full.view(grid.rows, grid.columns)


# Curves -------------------------------------------------------------------------------------------


def curve_passes(weighed: EvaluatedMap, steps: int | None, protocol: str | None) -> int:
    """The number of pictures that `by_curves` evaluates."""
    maps = RANDOM_MAPS + 3
    if protocol == "rise":
        return maps * rise_passes(*weighed.inputs.shape[1:])
    cells = weighed.values.numel()
    return passes(maps, cells, schedule(cells, steps or STEPS))


def by_curves(
    weighed: EvaluatedMap,
    *,
    insertion: bool,
    fill: str | None = None,
    steps: int | None = None,
    protocol: str | None = None,
) -> Found:
    """Deletion: from the photo to its fill, highest cells first. Insertion: the reverse.

    fill: default `mean` for deletion, `blur` for insertion. steps: maximum passes of one curve.
    protocol: None, or "rise".
    """
    maps = weighed.maps()
    found: dict[str, Curve] = {}
    area: Callable[[Curve], float]
    if protocol == "rise":
        area = mean_height
        for name, values in maps.items():
            found[name] = rise_curve(
                torch.nan_to_num(values, nan=0.0), weighed.inputs, weighed.score,
                insertion=insertion, seed=SEED,
            )  # fmt: skip
    else:
        area = _area
        chosen: Fill = fill or ("blur" if insertion else "mean")  # type: ignore[assignment]
        picture = weighed.picture
        instead = filled(picture, chosen, SEED)
        ends = (instead, picture) if insertion else (picture, instead)
        ranked = {name: order(values, SEED) for name, values in maps.items()}
        counts = schedule(weighed.values.numel(), steps or STEPS)
        found = curves(*ends, weighed.cells, ranked, counts, weighed.of_pictures)
    scores = {name: area(one) for name, one in found.items()}
    random = spread_of([one for name, one in scores.items() if name.startswith("random")])
    placed = place(
        scores["own"], found["own"].probabilities[0], random, scores["centre"], scores["edges"],
        lower=not insertion,
    )  # fmt: skip
    randoms = [one for name, one in found.items() if name.startswith("random")]
    return {
        "score": scores["own"],
        "better": "higher" if insertion else "lower",
        "fill": None if protocol == "rise" else fill or ("blur" if insertion else "mean"),
        "protocol": protocol,
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


# ROAD -------------------------------------------------------------------------------------------

ROAD_PASSES = 2 * len(SHARES) * (RANDOM_MAPS + 3)


def by_road(weighed: EvaluatedMap) -> Found:
    """With hidden pixels imputed: (LeRF − MoRF) / 2 (Rong et al. 2022)."""
    pairs = {
        name: road_pairs(
            weighed.picture, weighed.cells, order(values, SEED), weighed.of_pictures, seed=SEED
        )
        for name, values in weighed.maps().items()
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


# Random weights ---------------------------------------------------------------------------------


def by_random_weights(
    weighed: EvaluatedMap, redrawn: Iterable[tuple[str, Tensor]], count: int
) -> Found:
    """Spearman's ρ between the map and the maps of the network as its layers are randomised, last
    first.

    redrawn: (layer, values) from `evidence.random_weights.randomised`, `count` of them.
    """
    steps: list[Found] = []
    for number, (layer, values) in enumerate(redrawn, start=1):
        rho = spearman(weighed.values, values)
        steps.append({"share": number / count, "rho": finite(rho), "layer": layer})
    last: float | None = steps[-1]["rho"]
    others = {name: spearman(weighed.values, one) for name, one in weighed.maps().items()}
    told = compared({**others, "own": float("nan") if last is None else last}, higher=False)
    english = (
        "With all weights drawn anew the map keeps a rank correlation of {score} with the trained "
        "network's; random maps have {random}. A map that stays the same says nothing about what "
        "was learnt"
    )
    return {
        **told,
        "score": last,
        "curve": steps,
        **said(numbers("random-weights", english, {**others, "own": last}, told)),
    }


# Ground truth -------------------------------------------------------------------------------------


def by_truth(weighed: EvaluatedMap, mask: Tensor, of: Tensor) -> Found:
    """Agreement of a map with a ground truth.

    mask: bool (row, column) over the photo or the input. of: int64, the cell of each of its pixels,
    −1 for none.
    """
    maps = weighed.maps()
    found = {name: _agreement(values, of, mask) for name, values in maps.items()}
    scores = {name: one["mass"] for name, one in found.items()}
    told = compared(scores, higher=True)
    random = [one for name, one in found.items() if name.startswith("random")]
    english = (
        "{score} of what this map marks lies where the truth is; {random} at random, {centre} from "
        "the middle"
    )
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
    """hit, mass, iou over the photo's pixels; the maximum is the centre of its cell."""
    seen = of >= 0
    flat = torch.cat([values.flatten(), torch.tensor([torch.nan], dtype=torch.float64)])
    found = agreement(flat[of], mask)
    best = int(torch.nan_to_num(values.flatten(), nan=-torch.inf).argmax())
    at = ((of == best) & seen).nonzero().double()
    if len(at):
        away = (mask.nonzero().double() - at.mean(0)).square().sum(1).min().sqrt()
        found = replace(found, hit=bool(away <= TOLERANCE_PX))
    return {"hit": found.hit, "mass": finite(found.mass), "iou": found.iou}


def mask_of_boxes(boxes: Sequence[Sequence[float]], height: int, width: int) -> Tensor:
    """Bool (row, column): the inside of all boxes [left, top, right, bottom], in pixels.

    Raises ValueError for a box that is empty or exceeds the picture.
    """
    mask = torch.zeros(height, width, dtype=torch.bool)
    for left, top, right, bottom in boxes:
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise ValueError(
                f"The box [{left}, {top}, {right}, {bottom}] does not lie on the photo, "
                f"{width} × {height} pixels, or is empty."
            )
        mask[round(top) : max(round(bottom), round(top) + 1),
             round(left) : max(round(right), round(left) + 1)] = True  # fmt: skip
    return mask


def told_of(
    weighed: EvaluatedMap, measure: str, name: str, sentence: str, target: Mapping[str, Any]
) -> Found:
    """Fields that every measure reports."""
    return {
        "measure": measure,
        "map": name,
        "map_sentence": sentence,
        "target": dict(target),
        "grid": list(weighed.values.shape),
        "seed": SEED,
    }
