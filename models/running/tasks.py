"""Tasks: how networks are run and how their output is read.

    classification   a photo → a score for each class
    segmentation     a photo → a class at every position
    captioning       a photo → words, one after another
    sequence         a sentence → words, one after another

A network that writes runs twice: first autoregressively, then once over its own complete output
(teacher forcing), and capture watches that pass. Its queries are words then: row t of a decoder's
attention belongs to writing word t, and column t to the word read at that position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.grids import Layout, Words
from fovea.models.networks.decoder import END, SPECIAL, START, UNKNOWN
from fovea.models.places import layout
from fovea.models.places.layout import Layouts, Placement, around

FIRST_WORD = len(SPECIAL)
"""Labels of a network that writes: the special ones, then its words."""

LONGEST_SOURCE = 40
"""Default maximum length of an input sentence; a network's card may set another."""


@dataclass(frozen=True, slots=True)
class Task:
    """reads: the kind of input. writes: whether it answers in words, one after another."""

    reads: Literal["photo", "text"] = "photo"
    writes: bool = False


TASKS: dict[str, Task] = {
    "classification": Task(),
    "segmentation": Task(),
    "captioning": Task(writes=True),
    "sequence": Task(reads="text", writes=True),
}


def task_of(name: str) -> Task:
    """The entry of TASKS; unknown tasks run like a classifier, without reading the output."""
    return TASKS.get(name, TASKS["classification"])


@dataclass(frozen=True, slots=True)
class Search:
    """Decoding options of a network that writes.

    beams: number of hypotheses; 1 is greedy. no_repeat_ngram: word sequences of this length never
    repeat in a text; 0 for no limit.
    """

    beams: int = 1
    no_repeat_ngram: int = 0


GREEDY = Search()


# Outputs ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """The most probable class at every position. classes: (row, column), uint8, over the input."""

    classes: Tensor
    labels: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of positions of each class."""
        counted = torch.bincount(self.classes.flatten().long(), minlength=len(self.labels))
        return tuple(counted.tolist())


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was written. index: in the vocabulary; score: its probability at its position."""

    index: int
    text: str
    score: float
    likeliest: str = ""
    likeliest_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """The output of a network that writes.

    written: word t belongs to row t of the decoder's attention; the last one is the end word if it
    was reached. read: the decoder's input at each position: the start word, then each previous
    word. source: the input sentence with its end word; empty if the input was a photo. search: the
    decoding options.
    """

    written: tuple[Word, ...]
    read: tuple[str, ...]
    source: tuple[str, ...] = ()
    joined_by: str = " "
    search: Search = GREEDY

    @property
    def words(self) -> tuple[Word, ...]:
        """Without the end word."""
        return tuple(
            word for word in self.written if word.index >= FIRST_WORD or word.index == UNKNOWN
        )

    @property
    def cut(self) -> bool:
        """Whether it was cut off at the maximum length."""
        return bool(self.written) and self.written[-1].index != END

    @property
    def repeated(self) -> str | None:
        """A phrase of three words that occurs more than once."""
        texts = [word.text for word in self.words]
        phrases = [tuple(texts[at : at + 3]) for at in range(len(texts) - 2)]
        twice = next((phrase for phrase in phrases if phrases.count(phrase) > 1), None)
        return None if twice is None or self.joined_by == "" else " ".join(twice)

    @property
    def given(self) -> Tensor:
        """(1, word), int64: the decoder's input that produces it, including the start word."""
        return torch.tensor([[START, *(word.index for word in self.written[:-1])]])

    @property
    def text(self) -> str:
        return self.joined_by.join(word.text for word in self.words)

    def labels(self, words: Words) -> tuple[str, ...]:
        """The labels of an attention's tokens whose layout names these words."""
        if words == "source":
            return self.source
        return self.read if words == "read" else tuple(word.text for word in self.written)


Output = Mask | Sentence


def mask_of(logits: Tensor, labels: Sequence[str] | None) -> Mask:
    """logits: (class, row, column). A single channel is the second of two classes, as for a
    sigmoid; the first is the background.
    """
    if logits.shape[0] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits])
        if labels is None or len(labels) == 1:
            labels = ("background", *(labels or ("class 1",)))
    names = [f"class {index}" for index in range(logits.shape[0])]
    for index, label in enumerate((labels or ())[: len(names)]):
        names[index] = label
    return Mask(logits.argmax(0).to(torch.uint8).cpu(), tuple(names))


def sentence_of(
    logits: Tensor,
    words: Tensor,
    labels: Sequence[str],
    source: Sequence[str] = (),
    search: Search = GREEDY,
) -> Sentence:
    """logits: (length, word) of a pass over `words` (length + 1), which begin with the
    start word.
    """
    probabilities = logits.float().softmax(-1).cpu()
    likeliest = probabilities.max(-1)
    indices = words.tolist()
    written = tuple(
        Word(index, labels[index], float(probabilities[place, index]), labels[best], float(most))
        for place, (index, best, most) in enumerate(
            zip(indices[1:], likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        )
    )
    read = tuple(labels[index] for index in indices[:-1])
    given = (*source, labels[END]) if source else ()
    return Sentence(written, read, given, "" if spelled(labels) else " ", search)


# Words --------------------------------------------------------------------------------------------


class UnknownWords(LookupError):
    """Words unknown to the network. `known` lists its vocabulary."""

    def __init__(self, words: Sequence[str], known: Sequence[str]) -> None:
        self.words, self.known = tuple(words), tuple(known)
        super().__init__(f"unknown: {', '.join(self.words)}")


def spelled(labels: Sequence[str]) -> bool:
    """Whether the network's words are single characters."""
    return all(len(label) == 1 for label in labels[FIRST_WORD:])


def words_of(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Splits a sentence into the network's words; raises UnknownWords.

    Characters if its words are characters, else split at spaces. Lower-cased if the vocabulary is.
    """
    known = labels[FIRST_WORD:]
    if all(label == label.lower() for label in known):
        text = text.lower()
    if not spelled(labels):
        found = tuple(text.split())
    elif " " in known:
        found = tuple(text.strip())
    else:
        found = tuple("".join(text.split()))
    strange = [word for word in dict.fromkeys(found) if word not in known]
    if strange:
        raise UnknownWords(strange, known)
    return found


def ids_of(words: Sequence[str], labels: Sequence[str]) -> Tensor:
    """(1, word + 1), int64: the input of a network that reads sentences, with the end word."""
    return torch.tensor([[*(labels.index(word) for word in words), END]], dtype=torch.int64)


def write(module: nn.Module, inputs: Tensor, search: Search = GREEDY) -> Tensor:
    """The network's text for one photo or sentence: (1, word) from the start to the end word."""
    options = {} if search.beams == 1 else {"beams": search.beams}
    if search.no_repeat_ngram:
        options["no_repeat_ngram"] = search.no_repeat_ngram
    with torch.inference_mode():
        generated: Tensor = module.generate(inputs, **options)  # type: ignore[operator]
    ends = (generated[0] == END).nonzero().flatten().tolist()
    return generated[:1, : ends[0] + 1] if ends else generated[:1]


# Token positions ----------------------------------------------------------------------------------


def survey(module: nn.Module, name: str, inputs: Tensor | None) -> Layouts:
    """The positions of attention tokens, and which are words, from passes over blank input.

    name: of the task. inputs: (1, channel, height, width) at the size to be used; None if it reads
    sentences. Axes that grow with the sentence are words, whatever the architecture.
    """
    task = task_of(name)
    if not task.writes:
        assert inputs is not None
        return layout.survey(module, inputs)
    if inputs is not None:
        places = layout.survey(module, inputs, _starts(2))
        plain, longer = (_sizes(module, inputs, _starts(length)) for length in (2, 3))
        given = plain
    else:
        plain, longer = (_sizes(module, _starts(2), _starts(length)) for length in (2, 3))
        given = _sizes(module, _starts(3), _starts(2))
        places = tuple(Placement() if sizes else None for sizes in plain)
    return tuple(
        None if place is None or sizes is None else _with_words(place, sizes, source, own)
        for place, sizes, source, own in zip(places, plain, given, longer, strict=True)
    )


Sizes = tuple[int, int]


def _starts(length: int) -> Tensor:
    return torch.full((1, length), START, dtype=torch.int64)


def _sizes(module: nn.Module, *arguments: Tensor) -> tuple[Sizes | None, ...]:
    """(queries, keys) of every site, None for other kinds."""
    with torch.inference_mode(), capture(module) as recording:
        module(*arguments)
    return tuple(
        site.attention.shape[2:] if site.attends else None for site in recording.trace.sites
    )


def _with_words(
    place: Placement, sizes: Sizes, source: Sizes | None, own: Sizes | None
) -> Placement:
    """sizes: from a short pass; source, own: from passes with a longer input or output sentence."""

    def which(axis: int, of_own: Words) -> Words | None:
        if own is not None and own[axis] > sizes[axis]:
            return of_own
        return "source" if source is not None and source[axis] > sizes[axis] else None

    queries, keys = which(0, "written"), which(1, "read")
    if queries is None and keys is None:
        return place
    known = place.layout or Layout(None, None)
    cells = None if keys else known.keys
    found = Layout(None if queries else known.queries, cells, False, queries, keys)
    prefix, suffix = (around(cells) if cells else None) or (0, 0)
    return Placement(layout=found, prefix_tokens=prefix, suffix_tokens=suffix)
