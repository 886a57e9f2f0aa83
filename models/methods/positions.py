"""Similarity of positions: one place's to every other's, or those of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fovea.models.methods import options, probes
from fovea.models.methods.base import Ask, Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from fovea.models.grids import Words
    from fovea.models.places.layout import Layouts
    from fovea.models.places.positions import Positions
    from fovea.models.records import Site

KINDS = ("attention",)


def _whose(subject: Subject, words: Words | None, site: Site | None) -> Words | None:
    """Which sentence is meant; None for the photo. Raises NotPossible if there is no such
    sentence.
    """
    from fovea.models.maps.propagation import NotPossible

    if words is None and site is not None and site.layout is not None:
        # A decoder reads what it wrote one position later: these tokens have its positions.
        asks = site.layout.query_words
        words = "read" if asks == "written" else asks
    if words is None and not subject.reads_photo:
        words = "source"
    if words and (subject.sentence is None or not subject.sentence.labels(words)):
        raise NotPossible(f"it has no sentence {words!r}", "no-sentence", words=words)
    return words


def _encoding(found: Sequence[Positions], words: Words | None, site: Site | None) -> Positions:
    """Of several encodings of the same tokens the first; without a site, preferably one of tokens
    that are not in windows. Raises NotPossible if there is none.
    """
    from fovea.models.maps.propagation import NotPossible
    from fovea.models.methods.making.queries import query_grid

    fitting = [one for one in found if one.words == words]
    if site is not None and words is None:
        fitting = [one for one in fitting if one.cells.grid == query_grid(site)]
    if not fitting:
        seen = "the words" if words else "what it sees of a photo"
        told = seen if site is None else f"the tokens of site {site.id}"
        raise NotPossible(
            f"it adds no position to {told}; networks may turn queries and keys by their place "
            "instead (rotary), add a bias to the scores, or leave it to convolutions",
            "no-positions",
        )
    return min(fitting, key=lambda one: len(one.cells.cells))


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.methods.making.choosing import of_kind

    if site is not None:
        of_kind(*KINDS)(site)
    _encoding(subject.ask(probes.positions), _whose(subject, None, site), site)


def _make(subject: Subject, chosen: Options) -> Ask:
    from fovea.models.maps.propagation import NotPossible
    from fovea.models.methods.making.positions import positions_of

    site = None if chosen["site"] is None else subject.trace.site(chosen["site"])
    words, written = _whose(subject, chosen["words"], site), subject.sentence
    given = None if written is None else written.given

    def run(module: nn.Module, inputs: Tensor, layouts: Layouts) -> Any:
        return positions_of(module, inputs, None if given is None else given.to(inputs.device))

    def then(found: Sequence[Positions]) -> Made:
        from fovea.models.methods.making.positions import of_place, of_words

        encoding = _encoding(found, words, site)
        if words and written is not None:
            return of_words(encoding, written.labels(words), chosen["query"])
        return of_place(encoding, chosen["query"])

    if isinstance(subject.learned.get(probes.positions), NotPossible):
        subject.ask(probes.positions)
    lengths = "" if written is None else f"{len(written.source)}-{len(written.read)}"
    return Ask(f"positions {lengths}", run, then, of_network=True)


def _sentence(subject: Subject) -> Phrase:
    if not subject.reads_photo:
        return Phrase("positions.words", "How alike the positions of any two words are")
    return Phrase(
        "positions", "How alike the position of the middle place is to every other's, for any photo"
    )


METHOD = Method(
    name="positions",
    order=100,
    title="Positions",
    summary="How alike the position of one token is to every other's, whatever is seen or read",
    claim="position similarity",
    equation="cos(p_i, p_j), p the vectors that the network adds to its tokens, patches or words; "
    "nothing of the photo or the sentence in it",
    paper="Dosovitskiy et al. 2020, fig. 7",
    options=(options.SITE, options.QUERY, options.WORDS),
    check=_check,
    make=_make,
    sentence=_sentence,
    probe=probes.positions,
    kinds=KINDS,
)
