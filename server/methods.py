"""Maps of a whole trace, by the name of their method: what each needs and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from models.maps import attention, gradients, mass, rollout
from models.maps.propagation import NotPossible
from models.records import Map, Trace
from models.spec import ModelSpec
from server.encode import NamedArray
from server.errors import InvalidParameter, MapNotPossible, UnknownMap
from server.queries import head_words, parse_head
from server.views import as_array


@dataclass(frozen=True, slots=True)
class Options:
    """What a request may choose; a map takes from it what it knows."""

    fusion: Literal["mean", "max", "min"] = "mean"
    discard: float = 0.0
    mass: float = 0.6
    head: str = "mean"


@dataclass(frozen=True, slots=True)
class Method:
    """make: from a trace, with gradients of a class if `for_class`."""

    make: Callable[[Trace, Options], Map]
    for_class: bool = False


def _dino(trace: Trace, options: Options) -> Map:
    found = mass.dino(trace, options.mass)
    heads = parse_head(options.head, found.values.shape[0])
    return Map(
        values=attention.fuse(found.values, heads),
        axes=found.axes if heads == "all" else found.axes[1:],
        prefix=None,
        sentence=f"{found.sentence}, {head_words(heads)}",
    )


METHODS: dict[str, Method] = {
    "rollout": Method(lambda trace, o: rollout.rollout(trace, o.fusion, o.discard)),
    "gradient-rollout": Method(lambda trace, _: gradients.gradient_rollout(trace), for_class=True),
    "relevance": Method(lambda trace, _: gradients.relevance(trace), for_class=True),
    "attention-grad-cam": Method(
        lambda trace, _: gradients.attention_grad_cam(trace), for_class=True
    ),
    "dino": Method(_dino),
}


def method_of(name: str) -> Method:
    """The row of METHODS; raises UnknownMap, which lists the valid ones."""
    if name not in METHODS:
        valid = ", ".join(METHODS)
        raise UnknownMap(f"There is no map {name[:50]!r}; valid: {valid}.", valid=list(METHODS))
    return METHODS[name]


def target_of(target: str | None, spec: ModelSpec, predicted: int | None) -> int:
    """The index of a class named by its number or its label; the predicted one if none is named."""
    if predicted is None:
        raise MapNotPossible(f"{spec.id} names no classes, so there is no map for one.")
    if target is None:
        return predicted
    text = target.strip()
    count = None if spec.labels is None else len(spec.labels)
    if text.isdecimal() and count is not None and int(text[:9]) < count:
        return int(text)
    folded = text.casefold()
    for index, label in enumerate(spec.labels or ()):
        if folded in (label.casefold(), label.split(",")[0].casefold()):
            return index
    valid = f"0 to {count - 1}, or a label" if count else "the predicted class only"
    raise InvalidParameter(
        f"target={text[:50]!r} is no class of {spec.id}; valid: {valid}.",
        hint="The labels are in the model's card, GET /v1/models/{model}.",
    )


def read(
    name: str, trace: Trace, spec: ModelSpec, target: int | None, options: Options
) -> NamedArray:
    """The map called `name`; raises MapNotPossible where this network cannot have it."""
    try:
        with torch.inference_mode():
            found = METHODS[name].make(trace, options)
    except NotPossible as error:
        raise MapNotPossible(f"{spec.id}: {error}.") from error
    prefix = None if found.prefix is None or not found.prefix.numel() else as_array(found.prefix)
    about = {"method": name, "fusion": options.fusion, "discard": options.discard}
    sentence = found.sentence
    if target is not None:
        about |= {"target": {"index": target, "label": spec.label(target)}}
        sentence = f"{sentence}, for {spec.label(target)}"
    return NamedArray(as_array(found.values), found.axes, sentence, prefix, about)
