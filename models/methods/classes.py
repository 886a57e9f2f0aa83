"""Computes class maps: chooses the class, runs the passes, words the sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fovea.models.methods import options
from fovea.models.methods.base import Ask, Made, Method, Options, Pass, Phrase, Subject
from fovea.models.methods.chain import layers

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fovea.models.places.layout import Layouts
    from fovea.models.records import Map, Site

    MakeForClass = Callable[[nn.Module, Tensor, int, Layouts], Map]


def for_class(name: str, make: MakeForClass, subject: Subject, chosen: Options) -> Ask:
    """The map `name` for the chosen class, minus the map for a second class if `against` names one.
    make: (module, photo, class, layouts).
    """
    from fovea.models.methods.making.choosing import other_class, target_of

    index = target_of(subject, chosen["target"])
    label = subject.label(index)
    about: dict[str, object] = {"method": name, "target": {"index": index, "label": label}}
    if chosen["against"] is None:
        return Ask(
            f"{name}/{index}",
            lambda module, photo, layouts: make(module, photo, index, layouts),
            lambda found: _told(found, label, about),
        )
    other = other_class(subject, chosen["against"], index)
    against = subject.label(other)

    def run(module: nn.Module, photo: Tensor, layouts: Layouts) -> Map:
        return _minus(make(module, photo, index, layouts), make(module, photo, other, layouts))

    return Ask(
        f"{name}/{index} against {other}",
        run,
        lambda found: _told(
            found,
            f"{label} minus {against}",
            {**about, "against": {"index": other, "label": against}},
        ),
    )


def class_method(
    name: str,
    check: Callable[[Subject, Site | None], None],
    maker: Callable[[], MakeForClass],
    english: str,
    probe: Callable[[Pass], object],
    *,
    through_layers: bool = False,
    **described: Any,
) -> Method:
    """The description of a class map.

    maker: imports and returns the function that computes it · english: its sentence, which may name
    {class} and, if it goes `through_layers`, {layers} · described: the other fields of `Method`.
    """

    def make(subject: Subject, chosen: Options) -> Ask:
        check(subject, None)
        return for_class(name, maker(), subject, chosen)

    def sentence(subject: Subject) -> Phrase:
        counted = {"layers": layers(subject)} if through_layers else {}
        return class_phrase(name, english, subject, **counted)

    return Method(
        name=name,
        claim="saliency",
        options=(options.TARGET, options.AGAINST),
        check=check,
        make=make,
        sentence=sentence,
        probe=probe,
        for_class=True,
        **described,
    )


def _minus(first: Map, second: Map) -> Map:
    """The difference of two maps over the same positions, including tokens without a place."""
    from dataclasses import replace

    both = first.prefix is not None and second.prefix is not None
    prefix = first.prefix - second.prefix if both else None  # type: ignore[operator]
    return replace(first, values=first.values - second.values, prefix=prefix)


def _told(found: Map, label: str, about: Mapping[str, object]) -> Made:
    from dataclasses import replace

    return Made(replace(found, sentence=f"{found.sentence}, for {label}"), about)


def for_word(name: str, subject: Subject, chosen: Options) -> Ask:
    """The relevance for a word that the network wrote."""
    import torch

    from fovea.models.methods.making.choosing import require_written, written_word
    from fovea.models.methods.making.for_class import word_relevance
    from fovea.models.networks.decoder import START

    place, sentence = written_word(subject, chosen["word"]), require_written(subject)
    written = torch.tensor([[START, *(word.index for word in sentence.written)]])
    label = sentence.written[place].text

    def run(module: nn.Module, inputs: Tensor, layouts: Layouts) -> Map:
        return word_relevance(module, inputs, written, place, layouts)

    def then(found: Map) -> Made:
        about = {"method": name, "word": {"index": place, "label": label}}
        return _told(found, f"“{label}”", about)

    return Ask(f"{name}/word {place}", run, then)


def class_phrase(key: str, english: str, subject: Subject, **parameters: object) -> Phrase:
    """A sentence about a map for the predicted class. english: may name {class}."""
    assert subject.predicted is not None
    label = subject.label(subject.predicted)
    return Phrase(key, english, {"class": label, **parameters})
