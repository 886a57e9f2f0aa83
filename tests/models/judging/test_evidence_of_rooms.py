"""An oracle on drawn rooms: their walls are known to the pixel."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from PIL import Image
from torch import Tensor

import fovea
from fovea.models.evidence.baselines import random_map
from tests.models.judging.test_evidence_of_maps import Finder, scored, wins
from training.examples.rooms import draw_room

SEEDS = range(3_000_000, 3_000_006)
"""No network learns from these rooms."""


@cache
def rooms() -> list[tuple[Tensor, Tensor, Tensor]]:
    """(input, walls, share of wall in each of 16 × 16 cells) of each room."""
    spec = fovea.load("sa_unet").spec
    found = []
    for seed in SEEDS:
        picture, walls = draw_room(seed)
        inputs, _ = fovea.prepare(Image.fromarray(picture), spec.preprocessing)
        mask = torch.tensor(walls).float()
        found.append((inputs, mask, mask.double().unfold(0, 8, 8).unfold(1, 8, 8).mean((2, 3))))
    return found


def test_an_oracle_of_walls_wins_where_walls_are_all_that_counts() -> None:
    made_by = fovea.load("sa_unet").spec.preprocessing
    told = []
    for inputs, mask, oracle in rooms():
        network = Finder(inputs, mask).eval()
        found = fovea.evidence(network, inputs, oracle, "insertion", steps=8, preprocessing=made_by)
        told.append(scored(found))
    for name in ("random", "centre", "edges"):
        assert wins([one["oracle"] for one in told], [one[name] for one in told]), name


@pytest.mark.parametrize("own", ["oracle", "random"])
def test_the_truth_knows_an_oracle_from_chance(own: str) -> None:
    told = []
    for number, (inputs, mask, oracle) in enumerate(rooms()):
        shown = oracle if own == "oracle" else random_map(16, 16, 1000 + number)
        network = Finder(inputs, mask).eval()
        told.append(fovea.evidence(network, inputs, shown, "truth", mask=mask.bool()))
    if own == "random":
        assert all(abs(one.place["deviations"]) < 6 for one in told)
        assert sum(abs(one.place["deviations"]) for one in told) / len(told) < 3
        return
    found = [scored(one) for one in told]
    for name in ("random", "centre", "edges"):
        assert wins([one["oracle"] for one in found], [one[name] for one in found]), name
    assert all(one.more["truth"]["hit"] for one in told)
