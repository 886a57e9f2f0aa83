"""Learning walls: what is counted, what is fed, and that it learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fovea.models.grids import PatchGrid
from fovea.models.networks import build
from training.claims.meaning_rooms import gaussians, looking, meaning_in_rooms, wall_shares
from training.examples.rooms.collection import Rooms
from training.loop.export import load_network, write_card, write_weights
from training.loop.loop import fit
from training.recipes import RECIPES
from training.tasks.segmentation import CLASSES, RoomTask, count, soft_dice

CPU = torch.device("cpu")
RECIPE = replace(RECIPES["sa_unet"], batch=4, epochs=3, low_precision=False, average=0.5)


def plain_rooms(number: int) -> Rooms:
    """White walls over a black floor, at another height in each."""
    walls = np.zeros((number, 128, 128), dtype=np.uint8)
    for index in range(number):
        walls[index, : 40 + 9 * index, 10 * index :] = 1
    return Rooms(np.repeat(walls[..., None] * np.uint8(220) + np.uint8(10), 3, axis=3), walls)


def task(recipe=RECIPE, number: int = 4) -> RoomTask:  # type: ignore[no-untyped-def]
    return RoomTask(plain_rooms(number), plain_rooms(2), recipe, CPU)


def test_dice_and_iou_are_what_they_are_defined_to_be() -> None:
    generator = torch.Generator().manual_seed(0)
    called = torch.rand(5, 12, 9, generator=generator) < 0.4
    true = torch.rand(5, 12, 9, generator=generator) < 0.5
    called[3:], true[3] = False, False  # nothing called and nothing there; nothing called at all
    dice, parts = [], np.zeros(3)
    for a, b in zip(called.numpy(), true.numpy(), strict=True):
        both, one, other = (float(np.float64(part).sum()) for part in (a & b, a, b))
        parts += both, one, other
        dice.append(2 * both / (one + other) if one + other else 1.0)
    counts = count(called, true)
    assert dice[3:] == [1.0, 0.0]
    assert counts.dice() == pytest.approx(2 * parts[0] / (parts[1] + parts[2]), abs=1e-12)
    assert counts.iou() == pytest.approx(parts[0] / (parts[1] + parts[2] - parts[0]), abs=1e-12)
    assert counts.dice_a_room() == pytest.approx(np.mean(dice), abs=1e-12)
    # The two are tied: D = 2 J / (1 + J).
    assert counts.dice() == pytest.approx(2 * counts.iou() / (1 + counts.iou()), abs=1e-12)


def test_soft_dice_is_the_formula_and_rewards_what_is_right() -> None:
    generator = torch.Generator().manual_seed(0)
    share, truth = torch.rand(2, 6, 6, generator=generator), torch.zeros(2, 6, 6)
    truth[:, :3] = 1
    p, t = share.double().numpy(), truth.double().numpy()
    expected = (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    assert soft_dice(share, truth).item() == pytest.approx(expected, abs=1e-6)
    assert soft_dice(truth, truth).item() == 1.0
    assert soft_dice(1 - truth, truth).item() < 0.02
    assert soft_dice(torch.zeros(4), torch.zeros(4)).item() == 1.0


def test_walls_go_with_their_pictures_through_every_augmentation() -> None:
    learnt = task(number=8)
    for batch in learnt.batches(3):
        assert batch.inputs.shape == (4, 3, 128, 128)
        white = (batch.inputs.mean(dim=1) * 0.25 + 0.5) > 0.45
        agreeing = (white == (batch.walls == 1)).float().mean(dim=(1, 2))
        assert agreeing.min() > 0.97, "but for the edges"


def test_an_epoch_is_the_same_whenever_it_is_run() -> None:
    learnt = task()
    first, again, other = (next(learnt.batches(epoch)) for epoch in (1, 1, 2))
    torch.testing.assert_close(first.inputs, again.inputs, rtol=0, atol=0)
    assert not torch.equal(first.inputs, other.inputs)


def test_some_rooms_are_turned_about_and_some_are_not() -> None:
    learnt = task(number=8)
    tops = torch.cat([batch.walls[:, :30] for epoch in range(3) for batch in learnt.batches(epoch)])
    left, right = tops[..., :64].float().mean((1, 2)), tops[..., 64:].float().mean((1, 2))
    assert 0 < (left > right).float().mean() < 1


def test_it_learns_and_what_ships_scores_as_it_did(tmp_path: Path) -> None:
    recipe = replace(RECIPE, id="walls", epochs=5, warmup_epochs=0.0, jitter=0.0)
    learnt = task(recipe)
    result = fit(recipe, learnt, tmp_path / "run", CPU)
    weights = write_weights(recipe, result.state, tmp_path)
    network = load_network(weights, recipe.network, dict(recipe.arguments))
    scores = learnt.score(network, CPU, low_precision=False)
    assert list(scores) == ["val_dice", "val_iou", "val_dice_a_room"]
    assert scores["val_dice"] == pytest.approx(result.score, abs=0.01)
    assert scores["val_dice"] > 0.85
    card = write_card(recipe, learnt, weights, scores)
    assert (card["task"], card["labels"]) == ("segmentation", list(CLASSES))


GRID = PatchGrid(4, 4)


def test_wall_shares_are_means_over_cells() -> None:
    walls = torch.zeros(8, 8, dtype=torch.bool)
    walls[:3] = True
    shares = wall_shares(walls, GRID).view(4, 4)
    assert shares[:, 0].tolist() == [1.0, 0.5, 0.0, 0.0]


def test_looking_is_measured_against_not_looking() -> None:
    shares = torch.zeros(16, dtype=torch.float64)
    shares[:4] = 1
    anywhere = torch.full((16, 16), 1 / 16)
    figures = looking(anywhere, shares, GRID)
    assert figures["mass"] == figures["mass_anywhere"] == pytest.approx(0.25)
    assert figures["pointing_anywhere"] == 0.25
    at_walls = shares.expand(16, -1) / 4
    perfect = looking(at_walls, shares, GRID)
    assert (perfect["mass"], perfect["pointing"], perfect["mass_of_others"]) == (1, 1, 1)
    assert perfect["mass_nearby"] > perfect["mass_of_the_centre"]
    assert looking(anywhere, torch.zeros(16), GRID) == {}


def test_the_gaussians_are_gaussian() -> None:
    weights = gaussians(torch.tensor([[0.125, 0.625]], dtype=torch.float64), GRID).view(4, 4)
    assert weights.sum().item() == pytest.approx(1)
    assert weights.argmax().item() == 2
    # Two cells down are half a picture: two standard deviations.
    assert (weights[2, 2] / weights[0, 2]).item() == pytest.approx(np.exp(-2), rel=1e-9)


def test_every_site_of_the_network_is_measured() -> None:
    torch.manual_seed(0)
    figures = meaning_in_rooms(build("unet"), task(), rooms=2)
    sites = ("down.2.attention", "down.3.attention", "up.0.attention")
    assert {name.split(" ")[1] for name in figures} == set(sites)
    for site in sites:
        # A network that learnt nothing looks anywhere.
        assert figures[f"mass {site}"] == pytest.approx(figures[f"mass_anywhere {site}"], abs=0.1)
    assert meaning_in_rooms(build("unet", attention=False), task(), rooms=1) == {}
