"""The loop: it learns, and an interruption changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

from fovea.models.networks import build
from training.examples.data import Examples
from training.examples.teacher import Lessons
from training.examples.views import centre_boxes
from training.loop.export import load_network, write_card, write_weights
from training.loop.loop import copy_of, fit, learning_rate, shared_weights, update_average
from training.recipes import RECIPES, recipe_for
from training.recipes.recipe import Recipe
from training.tasks.digits import DigitTask
from training.tasks.photos import PhotoTask

CPU = torch.device("cpu")


def striped_digits(count: int) -> Examples:
    """Two classes anyone can tell apart: a filled square and a hollow one."""
    labels = torch.arange(count) % 2
    images = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    images[:, :, 6:22, 6:22] = 255
    images[labels == 1, :, 9:19, 9:19] = 0
    return Examples(images, labels, ("filled", "hollow"))


def digit_task(recipe: Recipe) -> DigitTask:
    return DigitTask(striped_digits(96), striped_digits(32), recipe, CPU)


def photo_task(recipe: Recipe) -> PhotoTask:
    """Noise with a made-up teacher: enough to run every term of the loss."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (8, 3, 128, 128), generator=generator, dtype=torch.uint8)
    examples = Examples(images, torch.arange(8) % 2, ("even", "odd"))
    lessons = Lessons(
        boxes=centre_boxes(8).unsqueeze(0),
        tokens=torch.randn(1, 8, 197, 192, generator=generator).half(),
        logits=torch.randn(1, 8, 2, generator=generator),
    )
    return PhotoTask(examples, examples, lessons, recipe, CPU)


DIGITS = replace(
    RECIPES["stn_digits"],
    arguments={"classes": 2},
    epochs=3,
    guided_epochs=1,  # so that both ways of learning are taken
    batch=32,
    warmup_epochs=0.0,
)
PHOTOS = replace(
    RECIPES["sa_resnet"],
    arguments={"gate": "self_attention", "classes": 2},
    epochs=2,
    batch=4,
    low_precision=False,
)


@pytest.mark.parametrize(
    ("recipe", "make_task"), [(DIGITS, digit_task), (PHOTOS, photo_task)], ids=["digits", "photos"]
)
def test_resuming_after_an_interruption_gives_the_uninterrupted_result(
    recipe: Recipe, make_task: Callable[[Recipe], DigitTask | PhotoTask], tmp_path: Path
) -> None:
    whole = fit(recipe, make_task(recipe), tmp_path / "whole", CPU)
    fit(recipe, make_task(recipe), tmp_path / "broken", CPU, stop_after=1)
    resumed = fit(recipe, make_task(recipe), tmp_path / "broken", CPU)
    assert (resumed.scores, resumed.epoch) == (whole.scores, whole.epoch)
    for name, value in whole.state.items():
        torch.testing.assert_close(resumed.state[name], value, rtol=0, atol=0, msg=name)


def test_a_training_ends_in_a_file_that_scores_as_it_did(tmp_path: Path) -> None:
    # Few steps, so a short memory of the weights.
    recipe = replace(DIGITS, id="squares", epochs=20, guided_epochs=0, average=0.9)
    task = digit_task(recipe)
    result = fit(recipe, task, tmp_path / "run", CPU)
    weights = write_weights(recipe, result.state, tmp_path)
    network = load_network(weights, recipe.network, dict(recipe.arguments))
    scores = task.score(network, CPU, low_precision=False)
    score = scores["val_top1"]
    assert score == pytest.approx(result.score, abs=0.05)
    assert score > 0.8
    card = write_card(recipe, task, weights, scores)
    assert card["labels"] == ["filled", "hollow"]
    assert card["sha256"].startswith(card["revision"])
    assert (tmp_path / "squares.json").is_file()


class WorseByTheEpoch(DigitTask):
    """Whose first epoch always scores best."""

    def score(
        self, network: torch.nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        self.scored = getattr(self, "scored", 0) + 1
        return {"val_top1": 1 / self.scored}


@pytest.mark.parametrize(("keeps", "epoch"), [("best", 0), ("last", 2)])
def test_a_recipe_keeps_its_best_epoch_or_its_last(
    keeps: Literal["best", "last"], epoch: int, tmp_path: Path
) -> None:
    recipe = replace(DIGITS, keeps=keeps)
    task = WorseByTheEpoch(striped_digits(96), striped_digits(32), recipe, CPU)
    result = fit(recipe, task, tmp_path, CPU)
    assert (result.epoch, result.score) == (epoch, 1 / (epoch + 1))
    last = torch.load(tmp_path / "last.pt")["average"]
    is_last = all(torch.equal(result.state[name], value) for name, value in last.items())
    assert is_last == (keeps == "last")


def test_spectral_norm_is_folded_into_what_ships(tmp_path: Path) -> None:
    result = fit(replace(PHOTOS, epochs=1), photo_task(PHOTOS), tmp_path / "run", CPU)
    weights = write_weights(PHOTOS, result.state, tmp_path)
    network = load_network(weights, PHOTOS.network, dict(PHOTOS.arguments))
    assert not any("parametrizations" in name for name in network.state_dict())


def test_a_network_may_begin_with_the_weights_of_another() -> None:
    torch.manual_seed(0)
    se = build("gated_resnet", gate="se", classes=2)
    eca = build("gated_resnet", gate="eca", classes=2)
    shared = shared_weights(eca, se.state_dict())
    assert "stages.0.0.conv.0.weight" in shared
    assert not any(".gate." in name for name in shared)
    missing = set(eca.state_dict()) - set(shared)
    assert missing
    assert all(".gate." in name for name in missing)


def test_what_is_frozen_stays_and_the_rest_learns(tmp_path: Path) -> None:
    arguments = {"classes": 2, "trunk": "eca", "dim": 24, "depth": 1}
    recipe = replace(RECIPES["vit"], arguments=arguments, epochs=1, batch=4, warmup_epochs=0.0)
    start = build("gated_resnet", gate="eca").state_dict()
    # Statistics that no batch of noise would give.
    start["stages.1.0.conv.1.running_mean"] += 3
    learnt = fit(recipe, photo_task(recipe), tmp_path, CPU, start).state
    kept = {name: value for name, value in learnt.items() if ".trunk." in name}
    assert kept
    for name, value in kept.items():
        assert torch.equal(value, start[name.removeprefix("patches.trunk.")]), name
    began = build("vit", **arguments).state_dict()
    assert not torch.equal(learnt["norm.bias"], began["norm.bias"])
    assert not torch.equal(learnt["patches.fine.bias"], torch.zeros(24))


def test_the_vectors_of_a_spectral_norm_are_not_averaged() -> None:
    torch.manual_seed(0)
    network = build("gated_resnet", gate="self_attention", classes=2, spectral=True).train()
    average = copy_of(network.state_dict())
    for _ in range(5):
        network(torch.randn(2, 3, 32, 32))
        update_average(average, network, 0.9)
    vectors = {name: value for name, value in average.items() if name.endswith(("._u", "._v"))}
    assert len(vectors) == 12  # two for each of three convolutions, in two layers
    assert all(value.norm() == pytest.approx(1, abs=1e-4) for value in vectors.values())


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate(step, steps=100, warmup=10, peak=1.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_an_unknown_recipe_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"se_resnet, .*vit"):
        recipe_for("resnet50")


def test_every_recipe_is_filed_under_its_own_name() -> None:
    assert all(name == recipe.id for name, recipe in RECIPES.items())


def test_a_vit_may_learn_from_a_share_of_the_patches(tmp_path: Path) -> None:
    recipe = replace(
        RECIPES["vit"],
        arguments={"classes": 2, "depth": 1},
        epochs=2,
        batch=4,
        thinned_epochs=1,
        thinned_to=0.25,
    )
    task = photo_task(recipe)
    thinned, whole = next(task.batches(0)), next(task.batches(1))
    assert thinned.keep is not None
    assert thinned.keep.shape == (4, 49)
    assert whole.keep is None
    assert fit(recipe, task, tmp_path, CPU).epoch in (0, 1)
