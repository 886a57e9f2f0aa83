"""Learning from rewards: what is drawn, what it is worth, and which way it pushes."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from models.networks.decoder import END, PAD, START
from training.caption_rewards import TYPICAL, advantages, policy_loss, rewards, sample
from training.export import blended, export_folder
from training.recipes import RECIPES
from training.words import bleu

CPU = torch.device("cpu")
A, B = 4, 5


def constant(probabilities: dict[int, float]) -> Callable[[Tensor], Tensor]:
    """A network that gives every word the same probability after any words."""
    logits = torch.full((6,), float("-inf"))
    for word, probability in probabilities.items():
        logits[word] = math.log(probability)
    return lambda words: logits.repeat(len(words), 1)


def test_words_are_drawn_as_often_as_they_are_likely() -> None:
    torch.manual_seed(0)
    drawn = sample(constant({A: 0.6, B: 0.3, END: 0.1}), 20_000, 1, CPU)[:, 1]
    for word, share in ((A, 0.6), (B, 0.3), (END, 0.1)):
        # Four standard deviations of a share of 20,000 draws.
        spread = 4 * math.sqrt(share * (1 - share) / len(drawn))
        assert (drawn == word).float().mean().item() == pytest.approx(share, abs=spread)


def test_a_text_ends_once_and_at_the_longest() -> None:
    torch.manual_seed(0)
    drawn = sample(constant({A: 0.5, END: 0.5}), 64, 6, CPU)
    assert (drawn[:, 0] == START).all()
    assert drawn.shape[1] <= 7
    for row in drawn.tolist():
        words = row[1:]
        after = words[words.index(END) + 1 :] if END in words else []
        assert all(word == PAD for word in after)
        assert PAD not in words[: len(words) - len(after)]


def test_a_reward_is_what_a_sentence_adds_to_the_bleu_of_all() -> None:
    """By hand, for "a dog runs on grass" against "a dog runs in the grass".

    Of five words four are right, of the pairs 2 of 4, of the threes 1 of 3, of the fours 0 of 2.
    Five words for six: brevity exp(1 - 6/5).
    """
    worth = (3 * 4 / 5 / TYPICAL[0] + 2 / 4 / TYPICAL[1] + 1 / 3 / TYPICAL[2]) / 6
    got, perfect, nothing = rewards(
        ["a dog runs on grass", "a dog runs", "cats"],
        [["a dog runs in the grass"], ["a dog runs", "it runs"], ["a dog"]],
        single=3,
    ).tolist()
    assert got == pytest.approx(math.exp(1 - 6 / 5) * worth, rel=1e-5)
    assert perfect == pytest.approx((3 / TYPICAL[0] + 1 / TYPICAL[1] + 1 / TYPICAL[2]) / 6)
    assert nothing == 0


def test_rewards_point_where_the_bleu_of_all_grows() -> None:
    """One text of many made better: the BLEU of all grows more, the more the text is worth."""
    people = [["a brown dog runs through the green grass"]] * 40
    usual = ["a dog walks through the green field now"] * 39
    better = [
        "a dog walks through the green field now",
        "a dog walks through the green grass now",
        "a dog runs through the green grass now",
        "a brown dog runs through the green grass",
    ]
    grown = [bleu([*usual, text], people).four for text in better]
    worth = rewards(better, [people[0]] * 4).tolist()
    assert grown == sorted(grown)
    assert worth == sorted(worth)


def test_an_advantage_is_over_the_mean_of_the_others() -> None:
    assert advantages(torch.tensor([[1.0, 2.0, 6.0]])).tolist() == [[-3.0, -1.5, 4.5]]


def test_the_gradient_is_that_of_the_expected_reward() -> None:
    """Over all texts of one word, each as often as it is likely: exact, for two words."""
    logits = torch.tensor([0.3, -0.4], requires_grad=True)
    worth = torch.tensor([1.0, 3.0])
    expected = torch.autograd.grad(-(F.softmax(logits, dim=0) * worth).sum(), logits)[0]

    words = torch.tensor([[START, A], [START, B]])
    row = torch.full((6,), -1e9).index_put((torch.tensor([A, B]),), logits)
    every = row.repeat(2, 2, 1)
    share = F.softmax(logits, dim=0).detach()
    # Each text counts as often as it is drawn; a mean over two texts of one word has a 1/2.
    loss = 2 * policy_loss(every, words, share * worth)
    found = torch.autograd.grad(loss, logits)[0]
    torch.testing.assert_close(found, expected)


def test_what_ships_lies_between_the_start_and_what_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = replace(RECIPES["captioner_rewarded"], blend=0.25)
    folder = export_folder(RECIPES["captioner_words"])
    folder.mkdir(parents=True)
    start = {"weight": torch.tensor([1.0, -2.0]), "steps": torch.tensor(3)}
    save_file(start, folder / "captioner_words.safetensors")
    learnt = {"weight": torch.tensor([5.0, 2.0]), "steps": torch.tensor(9)}
    shipped = blended(recipe, learnt)
    assert shipped["weight"].tolist() == [2.0, -1.0]
    assert shipped["steps"].item() == 9
    assert blended(replace(recipe, blend=1.0), learnt) is learnt


def test_what_was_not_written_counts_for_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 4, 6, generator=generator)
    words = torch.tensor([[START, A, END, PAD]])
    longer = policy_loss(logits, words, torch.ones(1))
    shorter = policy_loss(logits[:, :3], words[:, :3], torch.ones(1))
    torch.testing.assert_close(longer, shorter)
