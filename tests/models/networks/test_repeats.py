"""Phrases that a text says twice: blocked in the search, and told in the answer."""

import pytest
import torch
from torch import Tensor

from fovea.models.networks.search import write
from fovea.models.running.tasks import Sentence, Word

WORDS = 9


def loops(words: Tensor) -> Tensor:
    """Likes 5 after 4, 6 after 5 and 4 after 6, then any other word; never the end."""
    logits = torch.zeros(len(words), WORDS)
    logits[:, 2] = -20
    following = {4: 5, 5: 6, 6: 4}
    for row, last in enumerate(words[:, -1].tolist()):
        logits[row, following.get(last, 4)] = 5
    return logits


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_phrase_of_so_many_words_stands_twice(beams: int, size: int) -> None:
    longest = 4 if size == 1 else 14
    plain = write(loops, 2, torch.device("cpu"), beams, longest)[0].tolist()
    blocked = write(loops, 2, torch.device("cpu"), beams, longest, no_repeat_ngram=size)

    def phrases(row: list[int]) -> list[tuple[int, ...]]:
        return [tuple(row[at : at + size]) for at in range(1, len(row) - size + 1)]

    assert len(set(phrases(plain))) < len(phrases(plain))
    for row in blocked.tolist():
        assert len(set(phrases(row))) == len(phrases(row))


def sentence(text: str, ended: bool) -> Sentence:
    written = tuple(Word(10 + index, word, 1.0) for index, word in enumerate(text.split()))
    return Sentence(written + ((Word(2, "<end>", 1.0),) if ended else ()), ())


def test_what_was_cut_and_what_repeats() -> None:
    finished = sentence("a dog runs on the beach", ended=True)
    assert (finished.cut, finished.repeated) == (False, None)
    looping = sentence("a man in a shirt and a man in a hat", ended=False)
    assert (looping.cut, looping.repeated) == (True, "a man in")
