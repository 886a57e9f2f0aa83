"""Measures networks on photos and writes one line for each photo.

Existing lines are reused, so an interrupted measurement can continue.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.evidence.photos import CALTECH, IMAGENET, Photo, load
from benchmarks.evidence.scoring import predicted, score_mosaic, score_photo
from fovea.models.catalog.spec import LoadedModel

VIT_TI = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"


@dataclass(frozen=True, slots=True)
class Plan:
    """photos: number of each set · own: the set whose labels are the network's · road: number of
    photos for ROAD · mosaics: number.
    """

    photos: dict[str, int]
    own: str
    road: int
    mosaics: int


SHIPPED = Plan({CALTECH: 200}, CALTECH, road=40, mosaics=100)
PLANS: dict[str, Plan] = {
    **dict.fromkeys(
        (
            "vit",
            "tnt",
            "sa_resnet",
            "se_resnet",
            "eca_resnet",
            "cbam_resnet",
            "cbam_resnet_spatial_first",
            "cbam_resnet_parallel",
            "coord_resnet",
        ),
        SHIPPED,
    ),
    VIT_TI: Plan({IMAGENET: 150, CALTECH: 50}, IMAGENET, road=40, mosaics=100),
}


def measure(name: str, data: Path, runs: Path, get: Callable[[str], LoadedModel]) -> None:
    """Measures one network into runs/name.jsonl."""
    plan, file = PLANS[name], runs / f"{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    done = {line["key"] for line in lines(file)}
    loaded = get(name)
    learned: dict[Any, Any] = {}
    sets = {one: load(data, one, most) for one, most in plan.photos.items()}
    tasks: dict[str, Callable[[], dict[str, Any]]] = {}
    for one, photos in sets.items():
        # ROAD takes as long as everything else, so it uses some of the photos, spread evenly.
        every = sum(map(len, sets.values())) // plan.road
        for number, photo in enumerate(photos):
            tasks[f"{one}/{number}"] = partial(
                score_photo, loaded, photo, number, learned, number % every == 0
            )
    for number, (four, wanted) in enumerate(_mosaics(loaded, sets[plan.own], plan.mosaics)):
        tasks[f"mosaic/{number}"] = partial(score_mosaic, loaded, four, wanted, learned)
    # In random order, so that an interrupted measurement is a fair sample.
    keys = [key for key in tasks if key not in done]
    random.Random(0).shuffle(keys)
    with file.open("a", encoding="utf-8") as out:
        for key in tqdm(keys, desc=name, disable=None):
            begun = time.process_time()
            line = {"key": key, **tasks[key](), "seconds": round(time.process_time() - begun, 3)}
            out.write(json.dumps(line) + "\n")
            out.flush()


def _mosaics(loaded: LoadedModel, photos: list[Photo], most: int) -> list[tuple[list[Photo], int]]:
    """Mosaics of four different classes from correctly classified photos; one of them is the
    target.
    """
    right = [photo for photo in photos if predicted(loaded, photo) == photo.label]
    draw = random.Random(0)
    found: list[tuple[list[Photo], int]] = []
    while len(found) < most:
        four = draw.sample(right, 4)
        if len({photo.label for photo in four}) == 4:
            found.append((four, draw.randrange(4)))
    return found


def lines(file: Path) -> list[dict[str, Any]]:
    """The existing measurements of one network."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def catalogue(device: str = "cpu") -> Callable[[str], LoadedModel]:
    """Networks by name, with weights found as the environment says."""
    import fovea

    torch.set_num_threads(1)
    return lambda name: fovea.load(name, device)
