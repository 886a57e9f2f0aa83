"""Relevance, the generic rule: attention weighed by its gradient, layer by layer; of a word too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Ask, BadOption, Method, Options, Pass, Phrase, Subject
from fovea.models.methods.chain import check_class, layers
from fovea.models.methods.classes import class_phrase, for_class, for_word

if TYPE_CHECKING:
    from fovea.models.records import Site


def _probe(given: Pass) -> None:
    """Checks that the map for a word can be computed; for a class see `class_gradients`."""
    if given.words is None:
        return
    import torch

    from fovea.models.methods.making.for_class import word_relevance

    # Any next word will do: the question is whether gradients flow at all.
    written = torch.cat((given.words, given.words[:, -1:]), dim=1)
    word_relevance(given.module, given.inputs, written, 0, given.layouts)


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.maps.encoder_decoder import stack
    from fovea.models.methods.making.choosing import require_written

    if subject.sentence is None:
        check_class(subject)
        return
    require_written(subject)
    stack(subject.trace)
    subject.ask(_probe)


def _make(subject: Subject, chosen: Options) -> Ask:
    from fovea.models.methods.making.for_class import relevance

    _check(subject, None)
    if subject.sentence is None:
        if chosen["word"] is not None:
            raise BadOption(f"{subject.name} writes no words, so word names nothing.")
        return for_class("relevance", relevance, subject, chosen)
    for name in ("target", "against"):
        if chosen[name] is not None:
            raise BadOption(
                f"{subject.name} writes words and names no classes, so {name} names nothing.",
                hint="Name a word: word=0.",
            )
    return for_word("relevance", subject, chosen)


def _sentence(subject: Subject) -> Phrase:
    if subject.sentence is not None:
        return Phrase(
            "relevance.word",
            "Relevance for “{word}”: attention through encoder and decoder, weighed by its "
            "gradient",
            {"word": subject.sentence.written[0].text},
        )
    return class_phrase(
        "relevance",
        "Relevance for “{class}”: attention through all {layers} layers, weighed by its gradient",
        subject,
        layers=layers(subject),
    )


METHOD = Method(
    name="relevance",
    order=130,
    title="Relevance",
    summary="Attention weighed by the gradient of the class, layer by layer",
    claim="saliency",
    equation="Ē_l = mean_h (∇A⊙A)⁺, clamped before the mean; R ← R + Ē_l R; the class token's row. "
    "For a word: the rules of encoder and decoder",
    paper="Chefer, Gur & Wolf, ICCV 2021, eq. 5 and 6; for a word 5 to 11",
    options=(options.TARGET, options.AGAINST, options.WORD),
    check=_check,
    make=_make,
    sentence=_sentence,
    probe=_probe,
    for_class=True,
)
