"""Maps of positional encodings: how alike the positions of places, or of words, are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.kinds.attention.windows import token_at
from fovea.models.maps.positions import similarity, similarity_of_words
from fovea.models.methods.positions import positions_of
from fovea.models.places.positions import Positions
from fovea.models.records import Site
from fovea.models.running.tasks import Sentence
from fovea.server.answers.named_array import NamedArray
from fovea.server.answers.queries import parse_place, parse_word, query_grid
from fovea.server.answers.views import as_array, of_map
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import MapNotPossible

SentenceName = Literal["source", "read"]


def found_in(
    sentence: Sentence | None, loaded: LoadedModel, inputs: Tensor
) -> tuple[Positions, ...]:
    """What the network adds, by one more pass. sentence: what it wrote, where it writes."""
    words = None if sentence is None else sentence.given.to(inputs.device)
    return positions_of(loaded.module, inputs, words)


def how_alike(
    found: Sequence[Positions],
    analysis: Analysis,
    words: SentenceName | None,
    site: Site | None,
    query: str | None,
) -> NamedArray:
    """How alike positions are: one place's to every other's, or those of all words.

    Of several encodings of the same tokens the first one's; without a site, one of tokens that are
    not in windows goes before. words, query: as of `Options`. Raises InvalidParameter, or
    MapNotPossible where the network adds none.
    """
    spec, sentence = analysis.model, analysis.sentence
    if words is None and analysis.photo is None:
        words = "source"
    if words and (sentence is None or not sentence.labels(words)):
        raise MapNotPossible(f"{spec.id} has no sentence {words!r}.", hint="Leave words out.")
    fitting = [one for one in found if one.words == words]
    if site is not None and words is None:
        fitting = [one for one in fitting if one.cells.grid == query_grid(site)]
    if not fitting:
        seen = "the words" if words else "what it sees of a photo"
        told = seen if site is None else f"the tokens of site {site.id}"
        raise MapNotPossible(
            f"{spec.id} adds no position to {told}. Networks may turn queries and keys by their "
            "place instead (rotary), add a bias to the scores, or leave it to convolutions."
        )
    encoding = min(fitting, key=lambda one: len(one.cells.cells))
    with torch.inference_mode():
        if words and sentence is not None:
            return _positions_of_words(encoding, sentence.labels(words), query)
        return _position_of_place(encoding, spec, query)


def _position_of_place(encoding: Positions, spec: ModelSpec, query: str | None) -> NamedArray:
    grid = encoding.cells.grid
    row, column = parse_place(query, grid)
    try:
        made = similarity(encoding.vectors, encoding.cells, row, column)
    except LookupError as error:
        raise MapNotPossible(f"{spec.id}: {error}.") from error
    _, token = token_at(encoding.cells, row, column)
    vector = as_array(encoding.vectors[token]).tolist()
    about = {"query": f"{row},{column}", "name": encoding.name, "vector": vector}
    return of_map(made, made.sentence, {"method": "positions", **about})


def _positions_of_words(
    encoding: Positions, labels: Sequence[str], query: str | None
) -> NamedArray:
    """The matrix; with a query its row, and the vector of that word."""
    made = similarity_of_words(encoding.vectors)
    about = {"method": "positions", "words": encoding.words, "name": encoding.name}
    names = list(labels)
    if query is None or query.strip().lower() == "all":
        return of_map(made, made.sentence, {**about, "labels": dict.fromkeys(made.axes, names)})
    word = parse_word(query, len(labels))
    one = replace(made, values=made.values[word], axes=("key",))
    vector = as_array(encoding.vectors[word]).tolist()
    told = (
        f"How alike the position of word {word}, “{labels[word]}”, is to every other's: the cosine "
        "of the vectors that the network adds to its words"
    )
    return of_map(one, told, {**about, "labels": {"key": names}, "query": word, "vector": vector})
