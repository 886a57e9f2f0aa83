"""Which maps a network supports, and why not the others: for notebooks."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.capture.recorder import unwrapped
from fovea.models.maps.propagation import NotLearned
from fovea.models.methods.base import Claim, Method, Pass, Subject, refusal
from fovea.models.methods.probes import learn
from fovea.models.methods.registry import METHODS
from fovea.models.places.given import tensors_in
from fovea.models.records import Trace
from fovea.models.running.again import RepeatableCall, photos_of
from fovea.models.running.observing import Observation, capture
from fovea.models.running.outputs import tensors_of
from fovea.models.tracing.entry import Entry


@dataclass(frozen=True, slots=True)
class ListedMap:
    """A map as described in the registry, and whether this network supports it.

    options: JSON Schema of each option, by name, with a default. reason: why the network does not
    support the map; None if it does. equation, paper: the definition.
    """

    name: str
    title: str
    claim: Claim
    summary: str
    options: Mapping[str, Mapping[str, Any]]
    reason: str | None
    equation: str
    paper: str

    def __repr__(self) -> str:
        return f"ListedMap({self.name}: {self.reason or 'possible'})"


class ListedMaps(tuple[ListedMap, ...]):
    """Maps in the order of the registry; a notebook shows them as a table."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        """By index or name; raises KeyError for an unknown name."""
        if not isinstance(key, str):
            return super().__getitem__(key)
        found = {one.name: one for one in self}
        if key not in found:
            raise KeyError(f"there is no map {key!r}; valid: {', '.join(found)}")
        return found[key]

    def __repr__(self) -> str:
        return "\n".join(f"{one.name:20} {one.reason or 'possible'}" for one in self)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("map", "what it is", "options", "possible"))
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td>{html.escape(cell)}</td>"
                for cell in (one.name, one.summary, ", ".join(one.options), one.reason or "yes")
            )
            + "</tr>"
            for one in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def maps(watched: Trace | nn.Module, photo: Tensor | None = None) -> ListedMaps:
    """Every map of the product, and why a network does not support some of them.

    watched: the trace of one photo, from `capture`; or a network in eval mode, with `photo` (1,
    channel, height, width) on its device. Some maps depend on more than a trace holds, for example
    on whether the gradient of a class reaches every layer: the network is run a few more times to
    find out, provided that it was called as a whole with nothing but the photo. Raises ValueError
    for a batch: use `maps(trace[0])`.
    """
    subject = _subject_of_trace(watched) if isinstance(watched, Trace) else _run(watched, photo)
    return ListedMaps(_listed(method, subject) for method in METHODS)


def _listed(method: Method, subject: Subject) -> ListedMap:
    reason = method.reason(subject)
    if reason is not None and method.for_class and not subject.learned:
        reason = refusal(subject, NotLearned())
    return ListedMap(
        name=method.name,
        title=method.title,
        claim=method.claim,
        summary=method.summary,
        options={option.name: option.schema for option in method.options},
        reason=None if reason is None else str(reason),
        equation=method.equation,
        paper=method.paper,
    )


def _run(network: nn.Module, photo: Tensor | None) -> Subject:
    if photo is None or len(photo) != 1:
        raise ValueError("a network is asked with one photo: maps(network, photo)")
    with torch.inference_mode(), capture(network) as trace:
        output = network(photo)
    return _learned(network, photo, trace, output)


def _subject_of_trace(trace: Trace) -> Subject:
    if not isinstance(trace, Observation):
        return Subject(trace, "the network")
    if trace.photos > 1:
        raise ValueError(f"one photo at a time: maps(trace[0]) of {trace.photos}")
    name, entry = type(trace.network).__name__, trace.entry
    if entry is None:
        return Subject(trace, name)
    if photos_of(entry) is None:
        return Subject(trace, name, reads_photo=not _reads_ids(entry))
    call = RepeatableCall(trace.network, entry, trace.index)
    if not call.is_plain:
        return Subject(trace, name)
    with torch.inference_mode():
        output = trace.network(call.photo)
    return _learned(trace.network, call.photo, trace, output)


def _reads_ids(entry: Entry) -> bool:
    """Whether a call received word ids."""
    return any(not one.is_floating_point() for one in tensors_in([entry.args, entry.kwargs]))


def _learned(network: nn.Module, photo: Tensor, trace: Observation, output: Any) -> Subject:
    logits = next(tensors_of(output), None)
    gives_classes = logits is not None and logits.ndim == 2
    given = Pass(
        unwrapped(network),
        photo,
        trace.layouts,
        trace,
        classes=logits.shape[1] if logits is not None and gives_classes else None,
    )
    predicted = int(logits[0].argmax()) if logits is not None and gives_classes else None
    name = type(unwrapped(network)).__name__
    return Subject(trace, name, predicted=predicted, learned=learn(given, METHODS))
