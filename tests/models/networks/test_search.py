"""Beam search against trying every text there is."""

from itertools import product

import pytest
import torch
from torch import Tensor

from fovea.models.networks.decoder import END, PAD, START, UNKNOWN
from fovea.models.networks.search import write

WORDS = 7  # PAD, START, END, UNKNOWN and three words to write
LONGEST = 4
CPU = torch.device("cpu")


class Chain:
    """A made-up language: the next word depends on the last two and on the place."""

    def __init__(self, seed: int, texts: int = 1, beams: int = 1) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = 2 * torch.randn(texts, LONGEST + 1, WORDS, WORDS, WORDS, generator=generator)
        self.beams = beams

    def __call__(self, words: Tensor) -> Tensor:
        text = torch.arange(len(words)) // self.beams
        before = words[:, -2] if words.shape[1] > 1 else torch.zeros_like(words[:, 0])
        return self.table[text, words.shape[1] - 1, before, words[:, -1]]

    def log_probability(self, text: list[int]) -> float:
        """Of a whole text from START, among the words that may be written; of the first table."""
        total = 0.0
        for place in range(1, len(text)):
            logits = self(torch.tensor([text[:place]]))[0].double()
            logits[[PAD, START, UNKNOWN]] = float("-inf")
            total += float(logits.log_softmax(dim=0)[text[place]])
        return total


def every_text() -> list[list[int]]:
    """All that can be written with LONGEST words: ended earlier, or cut there."""
    letters = [word for word in range(WORDS) if word not in (PAD, START, END, UNKNOWN)]
    texts = [[START, *body, END] for n in range(LONGEST) for body in product(letters, repeat=n)]
    return texts + [[START, *body] for body in product(letters, repeat=LONGEST)]


def plain(row: Tensor) -> list[int]:
    return [word for word in row.tolist() if word != PAD]


@pytest.mark.parametrize("power", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_wide_enough_a_beam_search_finds_the_best_text(seed: int, power: float) -> None:
    beams = (WORDS - 3) ** LONGEST  # every beginning there is
    written = plain(write(Chain(seed, beams=beams), 1, CPU, beams, LONGEST, power)[0])
    chain = Chain(seed)

    def rank(text: list[int]) -> float:
        return chain.log_probability(text) / (len(text) - 1) ** power

    assert written == max(every_text(), key=rank)


@pytest.mark.parametrize("seed", range(5))
def test_one_beam_takes_the_likeliest_word_each_time(seed: int) -> None:
    chain, text = Chain(seed), [START]
    while len(text) <= LONGEST and text[-1] != END:
        logits = chain(torch.tensor([text]))[0]
        logits[[PAD, START, UNKNOWN]] = float("-inf")
        text.append(int(logits.argmax()))
    assert plain(write(chain, 1, CPU, 1, LONGEST)[0]) == text


def test_more_beams_find_likelier_texts() -> None:
    means = []
    for beams in (1, 3, 9):
        total = 0.0
        for seed in range(40):
            text = plain(write(Chain(seed, beams=beams), 1, CPU, beams, LONGEST)[0])
            total += Chain(seed).log_probability(text) / (len(text) - 1)
        means.append(total / 40)
    assert means[0] < means[1] <= means[2]


def test_texts_do_not_mix() -> None:
    both = Chain(3, texts=2, beams=3)
    together = write(both, 2, CPU, 3, LONGEST)
    for index in range(2):
        one = Chain(3, beams=3)
        one.table = both.table[index : index + 1]
        assert plain(together[index]) == plain(write(one, 1, CPU, 3, LONGEST)[0])


def test_length_counts() -> None:
    """Without a division by the length short texts win; with it longer ones may."""
    short = long = 0
    for seed in range(20):
        chain = Chain(seed, beams=256)
        short += len(plain(write(chain, 1, CPU, 256, LONGEST, 0.0)[0]))
        long += len(plain(write(chain, 1, CPU, 256, LONGEST, 1.0)[0]))
    assert short < long
