"""The positional encodings of a network, found in one pass over a photo or sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from fovea.models.grids import Words
from fovea.models.kinds.attention.windows import token_at
from fovea.models.maps.positions import similarity, similarity_of_words
from fovea.models.methods.base import BadOption, Made
from fovea.models.methods.making.queries import middle_of, parse_place, parse_word
from fovea.models.places.layout import merged
from fovea.models.places.positions import Positions, positions


def positions_of(
    module: nn.Module, inputs: Tensor, words: Tensor | None = None
) -> tuple[Positions, ...]:
    """The positional encodings that the network adds to its tokens, in order; empty if there are
    none.

    inputs: (1, channel, height, width), or (1, word) for a network that reads sentences · words:
    (1, word), the decoder's input, for one that writes. Cells are counted in the grid that they
    fill; a sentence is a grid with one row.
    """
    more = () if words is None else (words,)
    sentences: tuple[Words, ...] = ("source", "read") if inputs.ndim == 2 else ("read",)
    found = positions(module, inputs, *more, sentences=sentences)
    return tuple(one if one.words else replace(one, cells=merged(one.cells)) for one in found)


def of_place(encoding: Positions, query: str | None) -> Made:
    """Similarity of one place's position to every other's; default: the central one.

    Raises BadOption if no token stands for the place.
    """
    place = middle_of(encoding.cells) if query is None else None
    row, column = place or parse_place(query, encoding.cells.grid)
    try:
        made = similarity(encoding.vectors, encoding.cells, row, column)
    except LookupError as error:
        raise BadOption(f"query={row},{column}: {error}.") from error
    _, token = token_at(encoding.cells, row, column)
    vector = encoding.vectors[token].float().cpu().tolist()
    about = {"query": f"{row},{column}", "name": encoding.name, "vector": vector}
    return Made(made, {"method": "positions", **about})


def of_words(encoding: Positions, labels: Sequence[str], query: str | None) -> Made:
    """The matrix for all words; with a query its row, and the vector of that word."""
    made = similarity_of_words(encoding.vectors)
    about = {"method": "positions", "words": encoding.words, "name": encoding.name}
    names = list(labels)
    if query is None or query.strip().lower() == "all":
        return Made(made, {**about, "labels": dict.fromkeys(made.axes, names)})
    word = parse_word(query, len(labels))
    sentence = (
        f"How alike the position of word {word}, “{labels[word]}”, is to every other's: the cosine "
        "of the vectors that the network adds to its words"
    )
    one = replace(made, values=made.values[word], axes=("key",), sentence=sentence)
    vector = encoding.vectors[word].float().cpu().tolist()
    return Made(one, {**about, "labels": {"key": names}, "query": word, "vector": vector})
