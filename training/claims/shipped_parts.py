"""What each head, layer, gate and channel of the networks that ship is worth, and how well a map
predicts what hiding a patch does.

Michel, Levy & Neubig 2019 ("Are sixteen heads really better than one?") take heads away one at a
time; Serrano & Smith 2019 ("Is attention interpretable?") ask whether attention predicts what
leaving an input out does. Three disjoint draws of held-out photos stand for the seeds, as every
network ships once.

`python -m training.claims.shipped_parts` measures what is missing in runs/claims/shipped_parts and
writes docs/claims/shipped_parts.json.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

import fovea
from fovea.models.catalog.spec import LoadedModel
from fovea.models.editing.run import edited
from fovea.models.editing.sweep import Over, parts_of
from fovea.models.edits import Edit, RefusedEdit, open_gate
from fovea.models.evidence.baselines import random_map
from fovea.models.evidence.ranking import spearman
from fovea.models.grids import PatchGrid
from fovea.models.judging.candidates import look, scored, values_of
from fovea.models.judging.measures import knowing_nothing
from fovea.models.judging.sweeping import RANDOM_MAPS, hidden_effects
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.places.layout import survey
from fovea.models.preprocessing import prepare
from fovea.models.records import Trace
from fovea.models.running.inference import run
from fovea.models.running.outputs import tensor_of
from training.claims.part_figures import summary
from training.claims.results import DOCS
from training.examples.data import Examples, data_folder, load_photos

RUNS = Path("runs/claims/shipped_parts")
CALTECH = (
    "vit", "tnt", "sa_resnet", "se_resnet", "eca_resnet", "cbam_resnet",
    "cbam_resnet_spatial_first", "cbam_resnet_parallel", "coord_resnet",
)  # fmt: skip
VIT_TI = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
"""It does not ship; it is what a larger network says of the same questions."""
DRAWS = 3
PHOTOS = {"parts": 32, "patches": 10, "channels": 8}
"""In each draw, by what is asked."""
EVERY = 8
"""Of the channels of a gate one in so many is shut."""
MOST_CELLS = 256
"""Maps of finer grids are left out: each cell is a pass."""


def drawn(examples: Examples) -> list[list[int]]:
    """The photos of each draw: disjoint, in a random order that is always the same."""
    every = list(range(len(examples)))
    random.Random(0).shuffle(every)
    most = PHOTOS["parts"]
    return [every[draw * most : (draw + 1) * most] for draw in range(DRAWS)]


def edits_of(trace: Trace) -> Iterator[tuple[str, Edit]]:
    """What is taken away, and under which name: kind/site/number."""
    overs: tuple[tuple[Over, str], ...] = (("heads", "head"), ("layers", "layer"))
    for over, name in overs:
        try:
            for part in parts_of(trace, over).parts:
                yield f"{name}/{part.edit.site}/{part.place[-1]}", part.edit
        except RefusedEdit:  # it has no attention
            continue
    for site in trace.sites:
        if site.kind.endswith("-gate"):
            yield f"gate/{site.id}/0", open_gate(site.id)
    if any(SITE_KINDS[site.kind].channel_factors for site in trace.sites):
        for part in parts_of(trace, "channels").parts:
            if part.kind == "" and part.place[-1] % EVERY == 0:
                yield f"channel/{part.edit.site}/{part.place[-1]}", part.edit


def measure(name: str, data: Path) -> None:
    """One network, into runs/claims/shipped_parts/<network>.jsonl, a line a part or photo."""
    file = RUNS / f"{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    done = {line["key"] for line in lines(file)}
    loaded = fovea.load(name, "cpu")
    examples = load_photos(data, "imagenet_photos150" if name == VIT_TI else "caltech101_val",
                           classes=loaded.spec.labels if name == VIT_TI else None)  # fmt: skip
    draws = drawn(examples)
    assert loaded.spec.preprocessing is not None
    preprocessing = loaded.spec.preprocessing
    inputs = [
        torch.cat([prepare(examples.images[one], preprocessing)[0] for one in draw])
        for draw in draws
    ]
    labels = [examples.labels[draw] for draw in draws]
    tasks: dict[str, Callable[[], Mapping[str, Any]]] = {}
    learned: dict[Any, Any] = {}
    for draw, photos in enumerate(inputs):
        for number in range(PHOTOS["patches"]):
            tasks[f"patches/{draw}/{number}"] = _task(
                agreements, loaded, photos[number : number + 1], learned
            )
    layouts = survey(loaded.module, inputs[0][:1])
    _, (trace,) = run(loaded.module, inputs[0][:1], layouts)
    whole = [_asked(loaded, photos) for photos in inputs]
    tasks["whole/0/0"] = lambda: {
        "sites": {site.id: [site.name, site.kind] for site in trace.sites},
        "probability": [_of(one, one.argmax(1))[:, 1].tolist() for one in whole],
        "right": [
            (one.argmax(1) == label).tolist() for one, label in zip(whole, labels, strict=True)
        ],
    }
    parts: dict[str, Callable[[], Mapping[str, Any]]] = {}
    for key, edit in edits_of(trace):
        most = PHOTOS["channels" if key.startswith("channel/") else "parts"]
        parts[key] = _task(effects, loaded, trace, layouts, edit, inputs, labels, whole, most)
    ordered = {
        "whole/0/0": tasks.pop("whole/0/0"),
        **{key: one for key, one in parts.items() if not key.startswith("channel/")},
        **tasks,
        **parts,
    }
    with file.open("a", encoding="utf-8") as out:
        for key, task in tqdm(ordered.items(), desc=name, disable=None):
            if key in done:
                continue
            begun = time.process_time()
            line = {"key": key, **task(), "seconds": round(time.process_time() - begun, 3)}
            out.write(json.dumps(line) + "\n")
            out.flush()


def _task(what: Callable[..., Mapping[str, Any]], *given: Any) -> Callable[[], Mapping[str, Any]]:
    return lambda: what(*given)


def _asked(loaded: LoadedModel, photos: Tensor) -> Tensor:
    with torch.inference_mode():
        return tensor_of(loaded.module(photos)).double()


def _of(logits: Tensor, target: Tensor) -> Tensor:
    """(logit, probability) of each photo's class: (photo, 2)."""
    both = torch.stack([logits, logits.softmax(-1)], -1)
    return both[torch.arange(len(logits)), target]


def effects(
    loaded: LoadedModel,
    trace: Trace,
    layouts: Any,
    edit: Edit,
    inputs: Sequence[Tensor],
    labels: Sequence[Tensor],
    whole: Sequence[Tensor],
    most: int,
) -> dict[str, Any]:
    """Of one part, by draw and photo: its effect on the named class's logit and probability, and
    whether the photo is named right without it.
    """
    found: dict[str, list[list[Any]]] = {"logit": [], "probability": [], "right": []}
    for draw, photos in enumerate(inputs):
        some = photos[:most]
        before = whole[draw][:most]
        try:
            with (
                torch.inference_mode(),
                edited(loaded.module, (edit,), trace, layouts, (some,)) as changed,
            ):
                after = tensor_of(changed(some)).double()
        except RefusedEdit as refused:
            return {"refused": str(refused)}
        target = before.argmax(1)
        effect = _of(before, target) - _of(after, target)
        for number, what in enumerate(("logit", "probability")):
            found[what].append([round(one, 5) for one in effect[:, number].tolist()])
        found["right"].append((after.argmax(1) == labels[draw][:most]).tolist())
    return found


def agreements(loaded: LoadedModel, inputs: Tensor, learned: dict[Any, Any]) -> dict[str, Any]:
    """Of one photo: Spearman's ρ of every map with what hiding each of its cells does to the logit
    of the class, and that of maps that know nothing, on the same cells.
    """
    seen = look(loaded, inputs, learned)
    target = seen.subject.predicted
    by_grid: dict[PatchGrid, dict[str, Tensor]] = {}
    for own in scored(seen):
        values, grid = values_of(own, seen)
        if values.numel() <= MOST_CELLS:
            by_grid.setdefault(grid, {})[own.name] = values
    assert seen.subject.normalisation is not None
    mean, std = (torch.tensor(one).view(-1, 1, 1) for one in seen.subject.normalisation)
    picture = inputs[0] * std + mean

    def ask(pictures: Tensor) -> Tensor:
        return _asked(loaded, (pictures - mean) / std)

    found: dict[str, Any] = {}
    for grid, maps in by_grid.items():
        effect = hidden_effects(grid, picture, ask, int(target or 0))[0]
        known = knowing_nothing(picture, grid)
        shape = grid.rows, grid.columns
        chance = [spearman(random_map(*shape, seed), effect) for seed in range(RANDOM_MAPS)]
        beside = {
            **{name: spearman(values, effect) for name, values in known.items()},
            "random": sum(chance) / len(chance),
        }
        for name, values in maps.items():
            found[name] = {"rho": spearman(values, effect), **beside, "cells": effect.numel()}
    return {"maps": found}


def lines(file: Path) -> list[dict[str, Any]]:
    """What has been measured of one network."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims.shipped_parts")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="only these")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    parser.add_argument("--collect", action="store_true", help="gather what is done")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in () if options.collect else options.networks or (*CALTECH, VIT_TI):
        measure(name, data_folder(options.data))
    found = {name: lines(RUNS / f"{name}.jsonl") for name in (*CALTECH, VIT_TI)}
    told = {
        "photos": PHOTOS,
        "every": EVERY,
        "networks": {name.split(".")[0]: summary(one) for name, one in found.items() if one},
    }
    path = DOCS / "shipped_parts.json"
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
