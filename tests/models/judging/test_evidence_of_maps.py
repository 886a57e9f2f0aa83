"""Evidence from Python: curves by hand, an oracle on drawn digits, and what is refused."""

from __future__ import annotations

import math
from functools import cache
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import fovea
from fovea.models.evidence.baselines import random_map
from fovea.models.evidence.cells import of_input
from fovea.models.evidence.ranking import order
from training.draw_samples import digit

CELLS = 12
"""Each way, on the digits' canvas of 60 px."""


@cache
def drawn() -> tuple[fovea.LoadedModel, list[tuple[Tensor, Tensor, tuple[float, float]]]]:
    """The network that reads digits, and (input, oracle map, middle) of those that it reads."""
    loaded = fovea.load("stn_digits")
    places = [(20.0, 22.0), (38.0, 24.0), (26.0, 39.0), (40.0, 38.0), (22.0, 32.0), (34.0, 20.0)]
    found = []
    for name in ("2", "4", "7"):
        for seed, centre in enumerate(places):
            picture = digit(name, 10.0 * seed - 20, 1.0, centre, seed)
            inputs, _ = fovea.prepare(picture.convert("RGB"), loaded.spec.preprocessing)
            with torch.no_grad():
                right = int(loaded.module(inputs).argmax()) == int(name)
            if right:
                found.append((inputs, _ink(inputs, centre), centre))
    assert len(found) >= 8
    return loaded, found


def _ink(inputs: Tensor, centre: tuple[float, float]) -> Tensor:
    """How much of the digit is in each cell: what a perfect map would mark. The clutter around it
    is always farther from its middle than 17 px.
    """
    middles = torch.arange(60, dtype=torch.float64) + 0.5
    away = ((middles[:, None] - centre[1]) ** 2 + (middles[None] - centre[0]) ** 2).sqrt()
    ink = torch.where(away <= 16, inputs[0, 0].double() - inputs.min(), 0.0)
    return ink.unfold(0, 5, 5).unfold(1, 5, 5).sum((2, 3))


def wins(oracle: list[float], other: list[float]) -> bool:
    """By more than two standard errors of the difference, picture by picture."""
    gains = [one - another for one, another in zip(oracle, other, strict=True)]
    return fmean(gains) > 2 * stdev(gains) / math.sqrt(len(gains))


def scored(found: fovea.Evidence) -> dict[str, float]:
    """Of the map and its baselines, so that higher is better."""
    sign = 1 if found.better == "higher" else -1
    assert found.score is not None
    told = {"oracle": found.score, "random": found.baselines["random"]["mean"]}
    told |= {name: found.baselines[name] for name in ("centre", "edges")}
    return {name: sign * score for name, score in told.items()}


def test_an_oracle_of_drawn_digits_wins_on_the_network_that_reads_them() -> None:
    """Hiding the digit among its clutter. Edges are no rival here: a digit is its edges."""
    loaded, digits = drawn()
    told = [
        scored(
            fovea.evidence(
                loaded.module, inputs, oracle, steps=12, preprocessing=loaded.spec.preprocessing
            )
        )
        for inputs, oracle, _ in digits
    ]
    ours = [one["oracle"] for one in told]
    assert wins(ours, [one["random"] for one in told])
    assert wins(ours, [one["centre"] for one in told])


class Finder(nn.Module):
    """Knows one thing: how much of a drawn disc is there. The scene around it does not matter."""

    def __init__(self, scene: Tensor, disc: Tensor) -> None:
        super().__init__()
        self.scene, self.disc = scene, disc

    def forward(self, inputs: Tensor) -> Tensor:
        off = (inputs - self.scene).square().mean(1)
        there = 1 - (off * self.disc).sum((1, 2)) / (0.02 * self.disc.sum())
        return torch.stack([6 * there - 3, torch.zeros_like(there)], 1)


@pytest.mark.parametrize("measure", ["deletion", "insertion", "road"])
def test_an_oracle_wins_against_every_other_map_where_the_truth_is_all_that_counts(
    measure: Any,
) -> None:
    steps = {} if measure == "road" else {"steps": 12}
    told = []
    for seed, (x, y) in enumerate([(14, 16), (46, 20), (20, 44), (48, 46)]):
        random = torch.Generator().manual_seed(seed)
        scene = torch.rand(1, 3, 16, 16, generator=random)
        scene = F.interpolate(scene, (64, 64), mode="nearest")
        at = torch.arange(64) + 0.5
        disc = (((at[:, None] - y) ** 2 + (at[None] - x) ** 2).sqrt() <= 11).float()
        oracle = disc.double().unfold(0, 4, 4).unfold(1, 4, 4).mean((2, 3))
        found = fovea.evidence(Finder(scene, disc).eval(), scene, oracle, measure, **steps)
        told.append(scored(found))
    ours = [one["oracle"] for one in told]
    for name in ("random", "centre", "edges"):
        assert wins(ours, [one[name] for one in told]), name


def test_a_random_map_is_at_random_within_its_spread() -> None:
    loaded, digits = drawn()
    deviations = []
    for number, (inputs, _, _) in enumerate(digits):
        chance = random_map(CELLS, CELLS, 1000 + number)
        found = fovea.evidence(loaded.module, inputs, chance, steps=8)
        deviations.append(found.place["deviations"])
    error = stdev(deviations) / math.sqrt(len(deviations))
    assert abs(fmean(deviations)) < 3 * error
    assert fmean(abs(one) for one in deviations) < 3


def test_truth_counts_what_lies_inside() -> None:
    loaded, digits = drawn()
    inputs, oracle, (x, y) = digits[0]
    box = [[x - 12, y - 12, x + 12, y + 12]]
    found = fovea.evidence(loaded.module, inputs, oracle, "truth", boxes=box)
    assert found.more["truth"]["hit"]
    assert found.score is not None
    assert found.score > 0.9 > 0.3 > found.baselines["random"]["mean"]
    mask = torch.zeros(60, 60, dtype=torch.bool)
    mask[round(y) - 12 : round(y) + 12, round(x) - 12 : round(x) + 12] = True
    again = fovea.evidence(loaded.module, inputs, oracle, "truth", mask=mask)
    assert again.score == found.score


@cache
def flower() -> tuple[fovea.LoadedModel, Tensor]:
    loaded = fovea.load("vit")
    inputs, _ = fovea.prepare(fovea.sample("sunflower"), loaded.spec.preprocessing)
    return loaded, inputs


def test_deletion_is_what_a_loop_over_the_ranked_cells_gives() -> None:
    loaded, inputs = flower()
    with torch.no_grad(), fovea.capture(loaded.module) as trace:
        logits = loaded.module(inputs)
    shown = fovea.rollout(trace)
    found = fovea.evidence(loaded.module, inputs, shown, steps=5)
    target = int(logits.argmax())
    assert found.target == target
    ranked, cells = order(shown.values), of_input(shown.grid, *inputs.shape[2:])
    # The mean of the normalised input is the normalised mean of the photo.
    mean = inputs[0].mean((1, 2), keepdim=True)
    for point in found.curve:
        hidden = torch.isin(cells, ranked[: round(point["share"] * 196)])
        with torch.no_grad():
            score = loaded.module(torch.where(hidden, mean, inputs[0])[None]).softmax(-1)
        assert point["probability"] == pytest.approx(float(score[0, target]), abs=1e-5)
    heights, shares = ([point[one] for point in found.curve] for one in ("probability", "share"))
    assert found.score == pytest.approx(np.trapezoid(heights, shares), abs=1e-9)
    assert found.sentence.startswith("Hiding what this map marks")


def test_a_map_of_what_was_learnt_changes_without_it() -> None:
    loaded, inputs = flower()

    def relevance(module: Any, photo: Tensor) -> fovea.Map:
        return fovea.explain.relevance(module, photo, 3)

    found = fovea.evidence(loaded.module, inputs, relevance, "random-weights", target=3)
    assert found.curve[0]["layer"] == "head"
    assert found.score is not None
    assert abs(found.score) < 0.9


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"measure": "delete"}, "valid: deletion"),
        ({"measure": "road", "steps": 5}, "takes no steps"),
        ({"fill": "gray"}, "valid: mean"),
        ({"fill": "grey"}, "preprocessing"),
        ({"protocol": "rice"}, "valid: rise"),
        ({"protocol": "rise", "steps": 4}, "of its own"),
        ({"measure": "truth"}, "mask, or boxes"),
        ({"measure": "truth", "boxes": [[0, 0, 900, 9]]}, "does not lie"),
        ({"measure": "truth", "mask": torch.ones(3, 3)}, "has to be"),
        ({"measure": "truth", "mask": torch.zeros(112, 112)}, "empty"),
        ({"measure": "random-weights"}, "function"),
        ({"target": 500}, "no class"),
        ({"found": torch.zeros(3, 14, 14)}, "one map"),
        ({"inputs": torch.zeros(2, 3, 112, 112)}, "one photo"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], why: str) -> None:
    loaded, inputs = flower()
    given = {"inputs": inputs, "found": torch.rand(14, 14), **said}
    with pytest.raises(ValueError, match=why):
        fovea.evidence(loaded.module, **given)
