"""Words of captions, and BLEU against worked examples."""

import math
from collections import Counter

import pytest
import torch

from fovea.models.networks.decoder import END, PAD, START, UNKNOWN
from training.examples.words import Vocabulary, bleu, encode_all, words_of

# Papineni et al. 2002, section 2, examples 1 and 2.
CANDIDATE_1 = (
    "It is a guide to action which ensures that the military always obeys the commands of the party"
)
REFERENCES_1 = (
    "It is a guide to action that ensures that the military will forever heed Party commands",
    "It is the guiding principle which guarantees the military forces always being under the "
    "command of the Party",
    "It is the practical guide for the army always to heed the directions of the party",
)
CANDIDATE_2 = "the the the the the the the"
REFERENCES_2 = ("The cat is on the mat", "There is a cat on the mat")


def spaced(sentence: str) -> str:
    return " ".join(words_of(sentence))


def test_sentences_are_cut_into_words() -> None:
    said = '"A black-and-white dog , in a man\'s T-shirt , runs ."'
    assert words_of(said) == ["a", "black-and-white", "dog", "in", "a", "man's", "t-shirt", "runs"]
    assert words_of(" . ") == []


def test_bleu_counts_as_the_paper_does() -> None:
    one = bleu([spaced(CANDIDATE_1)], [[spaced(text) for text in REFERENCES_1]])
    assert one.one == pytest.approx(17 / 18)
    two = bleu([spaced(CANDIDATE_2)], [[spaced(text) for text in REFERENCES_2]])
    assert two.one == pytest.approx(2 / 7)
    assert two.four == 0


def by_the_formula(written: list[str], references: list[list[str]]) -> float:
    """Papineni et al. 2002, section 2.3, over a corpus of sentences of more than three words."""
    logarithms, length, nearest = 0.0, 0, 0
    for n in range(1, 5):
        right = total = 0
        for text, others in zip(written, references, strict=True):
            grams, *most = (
                Counter(zip(*(words.split()[i:] for i in range(n)), strict=False))
                for words in (text, *others)
            )
            ceiling = Counter[tuple[str, ...]]()
            for counts in most:
                ceiling |= counts
            right += (grams & ceiling).total()
            total += grams.total()
        logarithms += math.log(right / total) / 4
    for text, others in zip(written, references, strict=True):
        own = len(text.split())
        length += own
        nearest += min((abs(len(o.split()) - own), len(o.split())) for o in others)[1]
    return math.exp(min(0.0, 1 - nearest / length) + logarithms)


def test_bleu_of_a_corpus_is_the_papers_formula() -> None:
    written = ["a brown dog runs through the snow", "two men climb up a steep rock"]
    references = [
        ["a dog is running in the snow", "a brown dog runs through deep snow", "the dog runs"],
        ["two men climb a steep rock", "people climb up a steep rock face", "men on a rock wall"],
    ]
    expected = by_the_formula(written, references)
    assert 0.3 < expected < 0.9
    assert bleu(written, references).four == pytest.approx(expected)
    short = [" ".join(text.split()[:5]) for text in written]
    assert bleu(short, references).four == pytest.approx(by_the_formula(short, references))


def test_the_vocabulary_holds_the_most_frequent_words() -> None:
    texts = [["a", "dog", "a", "cat"], ["a", "dog", "bird"]]
    words = Vocabulary.of(texts, size=7)
    assert words.labels == ("<pad>", "<start>", "<end>", "<unknown>", "a", "dog", "bird")
    with pytest.raises(ValueError, match="4 words are too few"):
        Vocabulary.of(texts, size=9)


def test_texts_become_numbers_and_words_again() -> None:
    words = Vocabulary.of([["a", "dog", "runs"]], size=7)
    assert words.encode(["a", "cat", "runs"], 6) == [START, 4, UNKNOWN, 6, END, PAD]
    assert words.encode(["a", "dog", "runs"], 4) == [START, 4, 5, 6]
    assert words.sentences(torch.tensor([[START, 4, 5, END, PAD], [START, 6, 6, 6, 6]])) == [
        "a dog",
        "runs runs runs runs",
    ]
    assert encode_all(words, [[["dog"], ["a"]]], 3).tolist() == [[[1, 5, 2], [1, 4, 2]]]
