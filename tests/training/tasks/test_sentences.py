"""The small grammar, and learning to translate it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from fovea.models.networks import build
from fovea.models.networks.decoder import END, PAD, SPECIAL, START
from training.examples.grammar import HELD_OUT_IN, draw_pair, draw_pairs, vocabulary
from training.loop.loop import fit
from training.recipes import RECIPES
from training.tasks.sentences import SentenceTask, exact_matches, padded

CPU = torch.device("cpu")
RECIPE = RECIPES["text_transformer"]

# Among the first that are drawn; the French was read by a person.
READ = {
    "three girls push him": "trois filles le poussent",
    "each mouse does not always look for the tired goat": "chaque souris ne cherche pas toujours "
    "la chèvre fatiguée",
    "three good queens that know my young queen do not follow him": "trois bonnes reines qui "
    "connaissent ma jeune reine ne le suivent pas",
    "my white mice follow them": "mes souris blanches les suivent",
    "today each young red cat always carries this young rabbit": "chaque jeune chat rouge porte "
    "toujours ce jeune lapin aujourd'hui",
    "do two black mice hide her": "est-ce que deux souris noires la cachent",
    "does this mouse see the cow": "est-ce que cette souris voit la vache",
}


def test_the_french_is_french() -> None:
    drawn = {" ".join(pair.english): " ".join(pair.french) for pair in draw_pairs(20, 0, False)}
    assert {english: drawn[english] for english in READ} == READ


def test_there_is_one_way_to_say_it_with_the_words_there_are() -> None:
    random, said = Random(5), dict[tuple[str, ...], tuple[str, ...]]()
    words, labels = Counter[str](), vocabulary()
    for _ in range(20_000):
        pair = draw_pair(random)
        assert said.setdefault(pair.english, pair.french) == pair.french
        words.update(pair.english + pair.french)
    assert set(words) == set(labels)
    assert len(labels) == len(set(labels))
    assert len(labels) + len(SPECIAL) == RECIPE.arguments["words"]


def test_what_is_held_out_is_never_trained_on() -> None:
    train = {pair.english for seed in (0, 1) for pair in draw_pairs(3000, seed, held_out=False)}
    val = {pair.english for pair in draw_pairs(500, 1, held_out=True)}
    assert len(val) == 500
    assert not train & val
    random = Random(0)
    share = sum(draw_pair(random).held_out for _ in range(20_000)) / 20_000
    assert share == pytest.approx(1 / HELD_OUT_IN, abs=0.01)


def test_a_match_is_exact() -> None:
    wanted = padded([[START, 5, 6, END], [START, 7, END], [START, 8, END]])
    written = padded([[START, 5, 6, END, PAD], [START, 7, 7, END], [START, 8, END]])
    assert exact_matches(written, wanted).item() == 2
    assert exact_matches(written[:, :3], wanted).item() == 1


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    network = build("text_transformer", words=20).eval()
    source = padded([[5, 6, END], [7, 8, 9, 10, END]])
    target = torch.tensor([[START, 4, 5]]).expand(2, -1)
    with torch.inference_mode():
        together = network(source, target)
        alone = network(source[:1, :3], target[:1])
    torch.testing.assert_close(together[:1], alone)
    assert network.generate(source[:1, :3]).tolist()[0] == [
        word for word in network.generate(source)[0].tolist() if word != PAD
    ]


def test_it_learns(tmp_path: Path) -> None:
    recipe = replace(
        RECIPE,
        arguments={"words": 207, "dim": 32, "depth": 1},
        task_arguments={"sentences": 640},
        epochs=2,
        batch=64,
        warmup_epochs=0.5,
    )
    task = SentenceTask(recipe, CPU)
    task.val = task.val[:50]
    batch = next(task.batches(0))
    assert batch.english.shape[0] == 64
    assert (batch.french[:, 0] == START).all()
    untrained = build("text_transformer", **recipe.arguments)
    result = fit(recipe, task, tmp_path, CPU)
    network = build("text_transformer", **recipe.arguments)
    network.load_state_dict(result.state)
    with torch.inference_mode():
        before, after = (
            task.loss(model.eval(), torch.nn.Identity(), batch).item()
            for model in (untrained, network)
        )
    assert after < before - 0.5
    assert set(task.score(network, CPU, False)) == {"val_exact_match"}
