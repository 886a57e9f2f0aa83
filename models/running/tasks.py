"""What networks are for, and so how they are run and what comes out.

    classification   a photo → a score a class
    segmentation     a photo → a class at every place
    captioning       a photo → words, one after another
    sequence         a sentence → words, one after another

A network that writes runs twice: freely, each word after the words before it, and then once more
over its own words, all of them at once (teacher forcing); at that pass capture looks on. Its
queries are words then: row t of a decoder's attention is what counted when word t was written, and
column t the word that was read at that place.
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
"""Words of a sentence that is read, at most, where its network's card does not say."""


@dataclass(frozen=True, slots=True)
class Task:
    """reads: what the network is given. writes: whether it answers in words, one after another."""

    reads: Literal["photo", "text"] = "photo"
    writes: bool = False


TASKS: dict[str, Task] = {
    "classification": Task(),
    "segmentation": Task(),
    "captioning": Task(writes=True),
    "sequence": Task(reads="text", writes=True),
}


def task_of(name: str) -> Task:
    """The row of TASKS; what is not in it is run like a classifier, and its output is not read."""
    return TASKS.get(name, TASKS["classification"])


@dataclass(frozen=True, slots=True)
class Search:
    """How a network that writes looks for its words.

    beams: how many beginnings it follows at once; with 1 every word is the likeliest one.
    no_repeat_ngram: so many words never stand twice in the same order in one text; 0 lets them.
    """

    beams: int = 1
    no_repeat_ngram: int = 0


GREEDY = Search()


# What comes out ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """The most probable class at every place. classes: (row, column), uint8, over the input."""

    classes: Tensor
    labels: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Places of each class."""
        counted = torch.bincount(self.classes.flatten().long(), minlength=len(self.labels))
        return tuple(counted.tolist())


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was written. index: in the vocabulary; score: its probability at its place."""

    index: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a network wrote.

    written: word t is what row t of its decoder wrote; the last one is the end where it came to
    one. read: what the decoder was given at each of these places: the start, then each word before.
    source: the sentence that the network was given, with its end; empty where that was a photo.
    search: how it looked for its words.
    """

    written: tuple[Word, ...]
    read: tuple[str, ...]
    source: tuple[str, ...] = ()
    joined_by: str = " "
    search: Search = GREEDY

    @property
    def words(self) -> tuple[Word, ...]:
        """Without the end."""
        return tuple(
            word for word in self.written if word.index >= FIRST_WORD or word.index == UNKNOWN
        )

    @property
    def cut(self) -> bool:
        """Whether it was stopped at the most words that are written, before it came to its end."""
        return bool(self.written) and self.written[-1].index != END

    @property
    def repeated(self) -> str | None:
        """A phrase of three words that it says more than once."""
        texts = [word.text for word in self.words]
        phrases = [tuple(texts[at : at + 3]) for at in range(len(texts) - 2)]
        twice = next((phrase for phrase in phrases if phrases.count(phrase) > 1), None)
        return None if twice is None or self.joined_by == "" else " ".join(twice)

    @property
    def given(self) -> Tensor:
        """(1, word), int64: what the decoder reads to write it, from the start on."""
        return torch.tensor([[START, *(word.index for word in self.written[:-1])]])

    @property
    def text(self) -> str:
        return self.joined_by.join(word.text for word in self.words)

    def labels(self, words: Words) -> tuple[str, ...]:
        """What the tokens of an attention are called whose layout names these words."""
        if words == "source":
            return self.source
        return self.read if words == "read" else tuple(word.text for word in self.written)


Output = Mask | Sentence


def mask_of(logits: Tensor, labels: Sequence[str] | None) -> Mask:
    """logits: (class, row, column). One alone is that of the second of two classes, as a sigmoid
    takes it; the first is the background.
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
    """logits: (length, word) of a pass over `words` (length + 1), from the start on."""
    probabilities = logits.float().softmax(-1).cpu()
    indices = words.tolist()
    written = tuple(
        Word(index, labels[index], float(probabilities[place, index]))
        for place, index in enumerate(indices[1:])
    )
    read = tuple(labels[index] for index in indices[:-1])
    given = (*source, labels[END]) if source else ()
    return Sentence(written, read, given, "" if spelled(labels) else " ", search)


# Words in and out -------------------------------------------------------------------------------


class UnknownWords(LookupError):
    """Words that the network does not know. `known` lists those that it does."""

    def __init__(self, words: Sequence[str], known: Sequence[str]) -> None:
        self.words, self.known = tuple(words), tuple(known)
        super().__init__(f"unknown: {', '.join(self.words)}")


def spelled(labels: Sequence[str]) -> bool:
    """Whether the network's words are single characters."""
    return all(len(label) == 1 for label in labels[FIRST_WORD:])


def words_of(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The words of a sentence as the network tells them apart; raises UnknownWords.

    Characters where its words are characters, else what stands between spaces. Capitals are small
    where the network knows no capitals.
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
    """(1, word + 1), int64: what a network that reads sentences is given, the end included."""
    return torch.tensor([[*(labels.index(word) for word in words), END]], dtype=torch.int64)


def write(module: nn.Module, inputs: Tensor, search: Search = GREEDY) -> Tensor:
    """What the network writes about one photo or sentence: (1, word) from the start to the end."""
    options = {} if search.beams == 1 else {"beams": search.beams}
    if search.no_repeat_ngram:
        options["no_repeat_ngram"] = search.no_repeat_ngram
    with torch.inference_mode():
        generated: Tensor = module.generate(inputs, **options)  # type: ignore[operator]
    ends = (generated[0] == END).nonzero().flatten().tolist()
    return generated[:1, : ends[0] + 1] if ends else generated[:1]


# Where its tokens are ---------------------------------------------------------------------------


def survey(module: nn.Module, name: str, inputs: Tensor | None) -> Layouts:
    """Where the tokens of the attention sites are, and which are words, from passes over nothing.

    name: the task's. inputs: (1, channel, height, width) of the size that the network will be
    given; None where it reads sentences. Words are the axes that grow with the sentence, whatever
    the network looks like.
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
    """(queries, keys) of every site, None for what is no attention."""
    with torch.inference_mode(), capture(module) as recording:
        module(*arguments)
    return tuple(
        site.attention.shape[2:] if site.attends else None for site in recording.trace.sites
    )


def _with_words(
    place: Placement, sizes: Sizes, source: Sizes | None, own: Sizes | None
) -> Placement:
    """sizes: of a short pass; source, own: where the sentence given, or written, is longer."""

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
