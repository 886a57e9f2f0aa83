"""Captions as words: tokenisation, vocabulary, and BLEU."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from sacrebleu.metrics.bleu import BLEU
from torch import Tensor

from fovea.models.networks.decoder import END, PAD, SPECIAL, START, UNKNOWN

WORD = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")


def words_of(sentence: str) -> list[str]:
    """Lower-case words without punctuation; "t-shirt" and "man's" are one word each."""
    return WORD.findall(sentence.lower())


@dataclass(frozen=True)
class Vocabulary:
    """Words by index; PAD, START, END and UNKNOWN come first."""

    labels: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], size: int) -> "Vocabulary":
        """The most frequent words, `size` labels in total; ties in alphabetical order.

        Raises ValueError if the texts have fewer words.
        """
        counts = Counter(word for text in texts for word in text)
        if len(counts) + len(SPECIAL) < size:
            raise ValueError(f"{len(counts)} words are too few for a vocabulary of {size}")
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls((*SPECIAL, *ranked[: size - len(SPECIAL)]))

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of each word."""
        return {word: number for number, word in enumerate(self.labels)}

    def encode(self, text: Sequence[str], length: int) -> list[int]:
        """START, the words, END, then PAD: `length` numbers; a longer text is truncated, including
        its END.
        """
        numbers = [START, *(self.index.get(word, UNKNOWN) for word in text), END][:length]
        return numbers + [PAD] * (length - len(numbers))

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The words between START and END."""
        words = []
        for number in numbers:
            if number == END:
                break
            if number not in (PAD, START):
                words.append(self.labels[number])
        return words

    def sentences(self, written: Tensor) -> list[str]:
        """The rows of int64 (text, length) as words with spaces between."""
        return [" ".join(self.decode(row)) for row in written.tolist()]


class Bleu(NamedTuple):
    """For single words, and for n-grams up to 4; 0..1."""

    one: float
    four: float


def bleu(written: Sequence[str], references: Sequence[Sequence[str]]) -> Bleu:
    """Corpus BLEU (Papineni et al. 2002), computed by sacrebleu.

    written: one text for each example, words separated by spaces · references: several for each
    example. No smoothing; the brevity penalty uses the reference of the closest length.
    """
    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    streams = [list(stream) for stream in zip(*references, strict=True)]
    score = metric.corpus_score(list(written), streams)
    return Bleu(one=score.bp * score.precisions[0] / 100, four=score.score / 100)


def encode_all(
    vocabulary: Vocabulary, captions: Sequence[Sequence[Sequence[str]]], length: int
) -> Tensor:
    """Captions of photos, as words, to int64 (photo, caption, length)."""
    return torch.tensor(
        [[vocabulary.encode(caption, length) for caption in own] for own in captions]
    )
