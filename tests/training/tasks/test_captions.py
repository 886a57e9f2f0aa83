"""Learning to caption: what is drawn, what is learnt when, and what is scored."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from fovea.models.networks import build
from fovea.models.networks.decoder import END, PAD, START, UNKNOWN
from training.loop.loop import fit
from training.recipes import RECIPES
from training.recipes.recipe import Recipe
from training.tasks.captions import (
    Captioned,
    CaptionTask,
    drop_words,
    load_captioned,
    word_loss,
)

CPU = torch.device("cpu")
COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "grey": (90,) * 3}
SMALL = replace(
    RECIPES["captioner"],
    arguments={"words": 12, "depth": 1, "word_depth": 1},
    epochs=2,
    batch=4,
    warmup_epochs=0.0,
    low_precision=False,
)


class Teacher(nn.Module):
    """Says of each of the 196 places how red and how blue it is; its class token is their mean."""

    num_features = 2

    def forward_features(self, x: Tensor) -> Tensor:
        patches = F.adaptive_avg_pool2d(x[:, ::2], 14).flatten(2).transpose(1, 2).float()
        return torch.cat([patches.mean(dim=1, keepdim=True), patches], dim=1)


def photos_of_one_colour() -> Captioned:
    images = torch.stack(
        [torch.tensor(colour).view(3, 1, 1).expand(3, 128, 128) for colour in COLOURS.values()] * 2
    )
    texts = tuple(
        ((("a", name, "wall"), ("the", "wall", "is", name))) for name in (*COLOURS, *COLOURS)
    )
    return Captioned(images.to(torch.uint8), texts)


def task_of(recipe: Recipe) -> CaptionTask:
    train = photos_of_one_colour()
    return CaptionTask(train, train, train.images[:2], Teacher(), recipe, CPU)


def test_photos_come_with_their_captions_as_words(tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.new("RGB", (128, 128), (200, 20, 20)).save(buffer, "JPEG")
    said = [["A red wall .", "Red !"], ["It's red", "a wall"]]
    np.savez(
        tmp_path / "walls.npz",
        blob=np.frombuffer(buffer.getvalue() * 2, dtype=np.uint8),
        offsets=np.array([0, buffer.tell(), 2 * buffer.tell()]),
        captions_json=np.frombuffer(json.dumps(said).encode(), dtype=np.uint8),
    )
    found = load_captioned(tmp_path, "walls")
    assert found.images.shape == (2, 3, 128, 128)
    assert found.captions == ((("a", "red", "wall"), ("red",)), (("it's", "red"), ("a", "wall")))


def test_first_it_learns_to_see_and_then_to_speak() -> None:
    task = task_of(SMALL)
    seeing, speaking = list(task.batches(0)), list(task.batches(1))
    assert [len(batch.inputs) for batch in seeing] == [4, 4]
    assert all(batch.captions is None for batch in seeing)
    assert speaking[0].captions is not None
    assert speaking[0].captions.shape == (4, 2, 22)
    assert speaking[0].inputs.shape == (4, 3, 112, 112)
    again = list(task.batches(1))
    torch.testing.assert_close(again[0].inputs, speaking[0].inputs, rtol=0, atol=0)
    torch.testing.assert_close(again[1].captions, speaking[1].captions, rtol=0, atol=0)


def test_the_teacher_sees_the_crop_that_the_student_sees() -> None:
    """A photo that goes from black to red: the teacher's redness follows the student's pixels."""
    task = task_of(replace(SMALL, jitter=0.0))
    ramp = torch.zeros(10, 3, 128, 128, dtype=torch.uint8)
    ramp[:, 0] = torch.arange(128).to(torch.uint8)
    ramp[:, 2] = 128
    task.images = ramp
    batch = next(task.batches(0))
    red = F.adaptive_avg_pool2d(batch.inputs[:, 0], 14).flatten(1)
    # Each token has zero mean: of two channels the difference is left, and its sign.
    taught = (batch.tokens[:, 1:, 0] - batch.tokens[:, 1:, 1]).sign()
    blue = (batch.inputs[:, 2].mean() * 0.225 + 0.406) * 255
    sees_red = ((red * 0.229 + 0.485) * 255 - blue).sign()
    assert (taught == sees_red).float().mean() > 0.9
    slopes = (red.view(-1, 14, 14)[:, :, -1] - red.view(-1, 14, 14)[:, :, 0]).mean(dim=1)
    drawn = torch.cat([next(task.batches(epoch)).inputs for epoch in (0, 2, 4)])
    way = (drawn[:, 0, 50, 100] - drawn[:, 0, 50, 10]).sign()
    assert slopes.abs().min() > 0.1
    assert {-1.0, 1.0} <= set(way.tolist()), "some photos are mirrored, some are not"


def test_words_are_dropped_but_not_what_frames_them() -> None:
    torch.manual_seed(0)
    words = torch.tensor([[START, *range(4, 104), END, PAD, PAD]])
    shown = drop_words(words, 0.3)[0]
    changed = shown != words[0]
    assert (shown[changed] == UNKNOWN).all()
    assert changed[1:101].float().mean() == pytest.approx(0.3, abs=0.12)
    assert not changed[[0, 101, 102, 103]].any()
    assert torch.equal(drop_words(words, 0.0), words)


def test_the_loss_is_of_the_next_word_alone() -> None:
    words = torch.tensor([[START, 5, END, PAD], [START, 4, 6, END]])
    logits = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0)).double()
    steps = [(0, 0, 5), (0, 1, END), (1, 0, 4), (1, 1, 6), (1, 2, END)]
    expected = -sum(logits[b, t].log_softmax(0)[word] for b, t, word in steps) / len(steps)
    torch.testing.assert_close(word_loss(logits, words, 0.0), expected.float())


def test_it_learns_to_name_the_colour(tmp_path: Path) -> None:
    recipe = replace(
        SMALL,
        training_arguments={},
        epochs=26,
        batch=8,
        learning_rate=3e-3,
        average=0.5,
        jitter=0.0,
        label_smoothing=0.0,
        task_arguments={"seeing": 0.04, "word_dropout": 0.0, "beside": 0.1, "beams": 2},
    )
    task = task_of(recipe)
    score = task.score
    # The score is dear: only the last epoch's counts here.
    task.score = lambda *arguments: {}  # type: ignore[method-assign]
    result = fit(recipe, task, tmp_path, CPU)
    network = build("captioner", **recipe.arguments)
    network.load_state_dict(result.state)
    said = score(network, CPU, low_precision=False)
    assert list(said) == ["val_bleu4", "val_bleu1", "val_bleu4_greedy", "val_bleu1_greedy"]
    assert said["val_bleu1"] > 0.9
    for sentence, name in zip(task.write(network, beams=1), (*COLOURS, *COLOURS), strict=True):
        assert name in sentence.split()


def test_before_words_there_is_no_score() -> None:
    task = task_of(SMALL)
    next(task.batches(0))
    assert task.score(nn.Identity(), CPU, low_precision=False) == {}
