"""Scores every map of a network on one photo, or on one mosaic of four."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.evidence.photos import Photo, mosaic
from fovea.models.catalog.spec import LoadedModel
from fovea.models.evidence.baselines import centre, edges, random_map
from fovea.models.evidence.cells import of_input
from fovea.models.evidence.curves import curves
from fovea.models.evidence.fills import filled
from fovea.models.evidence.ranking import order
from fovea.models.evidence.road import road_pairs, road_score
from fovea.models.evidence.truth import agreement
from fovea.models.grids import PatchGrid
from fovea.models.judging.candidates import look, scored, values_of
from fovea.models.preprocessing import prepare
from fovea.models.running.outputs import tensor_of

SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Fractions of changed cells at which the network is evaluated: dense where curves fall."""
ROAD_SHARES = (0.2, 0.5)
BATCH = 16
BASELINES = ("centre", "edges", "random")

Scores = dict[str, dict[str, float]]


def score_photo(
    loaded: LoadedModel, photo: Photo, number: int, learned: dict[Any, Any], with_road: bool
) -> dict[str, Any]:
    """Deletion and insertion, and ROAD if requested, for every map and the baselines.

    number: of the photo, used as the seed of its random map and of tie-breaking.
    """
    assert loaded.spec.preprocessing is not None
    inputs, _ = prepare(photo.pixels, loaded.spec.preprocessing)
    seen = look(loaded, inputs, learned)
    target = seen.subject.predicted
    mean, std = (
        torch.tensor(one).view(-1, 1, 1)
        for one in (loaded.spec.preprocessing.mean, loaded.spec.preprocessing.std)
    )
    picture = inputs[0] * std + mean

    def score(pictures: Tensor) -> Tensor:
        with torch.inference_mode():
            logits = tensor_of(loaded.module((pictures - mean) / std))
        return logits.softmax(-1)[:, target]

    by_grid: dict[PatchGrid, dict[str, Tensor]] = {}
    for own in scored(seen):
        values, grid = values_of(own, seen)
        by_grid.setdefault(grid, {})[own.name] = values
    scores: Scores = {"deletion": {}, "insertion": {}, "road": {}}
    beside: dict[str, Scores] = {}
    for grid, maps in by_grid.items():
        found = _on_grid(picture, grid, maps, score, number, with_road)
        for measure, some in found.items():
            scores[measure] |= {name: some[name] for name in maps}
            for name in maps:
                beside.setdefault(name, {})[measure] = {one: some[one] for one in BASELINES}
    return {
        "number": number,
        "label": photo.label,
        "predicted": target,
        "probability": float(seen.scores[target]),
        "scores": scores,
        "beside": beside,
    }


def _on_grid(
    picture: Tensor, grid: PatchGrid, maps: dict[str, Tensor], score: Any, seed: int, road: bool
) -> Scores:
    cells = of_input(grid, *picture.shape[1:])
    strength = torch.zeros(grid.rows * grid.columns, dtype=torch.float64)
    known = edges(picture, cells)
    strength[: len(known)] = known
    every = {
        **maps,
        "centre": centre(grid.rows, grid.columns),
        "edges": strength.view(grid.rows, grid.columns),
        "random": random_map(grid.rows, grid.columns, seed),
    }
    ranked = {name: order(values, seed) for name, values in every.items()}
    whole = grid.rows * grid.columns
    counts = sorted({round(share * whole) for share in SHARES})
    hidden, blurred = filled(picture, "mean"), filled(picture, "blur")
    deleted = curves(picture, hidden, cells, ranked, counts, score, BATCH)
    inserted = curves(blurred, picture, cells, ranked, counts, score, BATCH)
    found = {
        "deletion": {name: one.area for name, one in deleted.items()},
        "insertion": {name: one.area for name, one in inserted.items()},
    }
    if road:
        found["road"] = {
            name: road_score(road_pairs(picture, cells, one, score, ROAD_SHARES, seed))
            for name, one in ranked.items()
        }
    return found


def score_mosaic(
    loaded: LoadedModel, four: list[Photo], wanted: int, learned: dict[Any, Any]
) -> dict[str, Any]:
    """The mass of each map in the target photo's quarter, and whether its maximum is there.

    wanted: index of the target photo; class maps are for that photo's class.
    """
    assert loaded.spec.preprocessing is not None
    inputs, _ = prepare(mosaic(four), loaded.spec.preprocessing)
    seen = look(loaded, inputs, learned)
    height, width = inputs.shape[2:]
    mask = torch.zeros(height, width, dtype=torch.bool)
    row, column = divmod(wanted, 2)
    mask[row * height // 2 :, column * width // 2 :][: height // 2, : width // 2] = True
    found = {}
    for own in scored(seen):
        values, grid = values_of(own, seen, four[wanted].label)
        flat = torch.cat([values.flatten(), torch.tensor([torch.nan], dtype=torch.float64)])
        told = agreement(flat[of_input(grid, height, width)], mask, tolerance_px=0)
        found[own.name] = {"share": told.mass, "highest": float(told.hit)}
    return {"wanted": wanted, "label": four[wanted].label, "maps": found}


def predicted(loaded: LoadedModel, photo: Photo) -> int:
    """The class that a network predicts for a photo."""
    assert loaded.spec.preprocessing is not None
    inputs, _ = prepare(photo.pixels, loaded.spec.preprocessing)
    with torch.inference_mode():
        return int(tensor_of(loaded.module(inputs)).argmax())
