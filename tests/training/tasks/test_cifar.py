"""The task on small photos: its windows, its order, and that the teacher's task takes a TNT."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.claims.small import residual
from training.examples.data import Examples
from training.examples.teacher import Lessons
from training.examples.views import centre_boxes
from training.loop.loop import fit
from training.recipes import RECIPES
from training.tasks.cifar import PADDING_PX, PREPROCESSING, CifarTask, random_crops
from training.tasks.photos import PhotoTask

CPU = torch.device("cpu")
RECIPE = replace(residual(), batch=16, low_precision=False)


def photos(count: int) -> Examples:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(1, 256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return Examples(images, torch.arange(count) % 2, ("even", "odd"))


def test_a_crop_is_a_window_of_its_own_photo_mirrored_or_not() -> None:
    padded = torch.nn.functional.pad(photos(40).images, (PADDING_PX,) * 4)
    chosen = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    crops = random_crops(padded, chosen, torch.Generator().manual_seed(2))
    assert crops.shape == (40, 3, 32, 32)
    found = set()
    for crop, photo in zip(crops, padded[chosen], strict=True):
        places = [
            (top, left, mirrored)
            for top in range(9)
            for left in range(9)
            for mirrored in (False, True)
            if torch.equal(
                crop.flip(2) if mirrored else crop, photo[:, top : top + 32, left : left + 32]
            )
        ]
        assert len(places) == 1
        found |= set(places)
    assert {mirrored for *_, mirrored in found} == {False, True}
    assert len({place[:2] for place in found}) > 20


def test_an_epoch_is_the_same_whenever_it_is_run_and_another_is_not() -> None:
    task = CifarTask(photos(40), photos(8), RECIPE, CPU)
    first, again, other = (list(task.batches(epoch)) for epoch in (3, 3, 4))
    assert [len(batch.labels) for batch in first] == [16, 16, 8]
    assert sorted(torch.cat([batch.labels for batch in first]).tolist()) == [0] * 20 + [1] * 20
    for one, same in zip(first, again, strict=True):
        torch.testing.assert_close(one.inputs, same.inputs, rtol=0, atol=0)
    assert not torch.equal(first[0].inputs, other[0].inputs)
    seeded = CifarTask(photos(40), photos(8), replace(RECIPE, seed=1), CPU)
    assert not torch.equal(first[0].inputs, next(seeded.batches(3)).inputs)


def test_held_out_photos_are_normalised_and_not_moved() -> None:
    examples = photos(8)
    task = CifarTask(photos(40), examples, RECIPE, CPU)
    ((inputs, labels),) = task.held_out()
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1) for values in (PREPROCESSING.mean, PREPROCESSING.std)
    )
    torch.testing.assert_close(inputs, (examples.images.float() / 255 - mean) / std)
    assert torch.equal(labels, examples.labels)


class Told(torch.nn.Module):
    """Says whether the middle of a picture is bright."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x[:, :, 12:20, 12:20].mean(dim=(1, 2, 3))
        return torch.stack([-bright, bright], dim=1)


def test_the_score_counts_what_is_right() -> None:
    images = torch.zeros(8, 3, 32, 32, dtype=torch.uint8)
    images[:6] = 255
    labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0])  # six of them right
    task = CifarTask(photos(40), Examples(images, labels, ("dark", "bright")), RECIPE, CPU)
    assert task.score(Told(), CPU, low_precision=False) == {"val_top1": pytest.approx(6 / 8)}


@pytest.mark.parametrize("name", ["vit", "tnt"])
def test_a_transformer_may_learn_from_a_share_of_the_patches(name: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (8, 3, 128, 128), generator=generator, dtype=torch.uint8)
    examples = Examples(images, torch.arange(8) % 2, ("even", "odd"))
    lessons = Lessons(
        boxes=centre_boxes(8).unsqueeze(0),
        tokens=torch.randn(1, 8, 197, 192, generator=generator).half(),
        logits=torch.randn(1, 8, 2, generator=generator),
    )
    recipe = replace(
        RECIPES[name],
        arguments={"classes": 2, "depth": 2, "dim": 24},
        training_arguments={"drop_path": 0.5},
        task_arguments={},
        epochs=2,
        batch=4,
        warmup_epochs=0,
        thinned_epochs=1,
        thinned_to=0.25,
        low_precision=False,
    )
    task = PhotoTask(examples, examples, lessons, recipe, CPU)
    result = fit(recipe, task, tmp_path, CPU)
    assert all(value.isfinite().all() for value in result.state.values())
