"""The class at every position, for a network that segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods.base import Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from fovea.models.records import Site


def _check(subject: Subject, site: Site | None) -> None:
    from fovea.models.maps.propagation import NotPossible

    if subject.mask is None:
        raise NotPossible("it does not answer with a mask", "no-mask")


def _make(subject: Subject, chosen: Options) -> Made:
    from fovea.models.records import Map

    _check(subject, None)
    assert subject.mask is not None
    labels = list(subject.mask.labels)
    sentence = f"The class of every place: {', '.join(labels)}, numbered from 0"
    return Made(Map(subject.mask.classes, ("row", "column"), None, sentence), {"labels": labels})


def _sentence(subject: Subject) -> Phrase:
    return Phrase("mask", "The most probable class at every place")


METHOD = Method(
    name="mask",
    order=70,
    first=10,
    title="Mask",
    summary="The class of every place, of a network that segments",
    claim="mask",
    equation="argmax over classes of the logits at each place",
    paper="Long et al. 2015",
    check=_check,
    make=_make,
    sentence=_sentence,
)
