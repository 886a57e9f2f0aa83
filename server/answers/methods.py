"""Computes the maps of an analysis from a name and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.base import Ask, Made, Method, Phrase, Subject, refusal
from fovea.models.methods.registry import method
from fovea.server.answers.named_array import NamedArray
from fovea.server.answers.subject import learned_of
from fovea.server.answers.views import of_made
from fovea.server.engine import pools
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.problems import MapNotPossible


async def compute(
    engine: Engine, analysis: Analysis, name: str, given: Mapping[str, object]
) -> Callable[[], NamedArray]:
    """Prepare the map called `name`; the returned function gives it after the passes it needs.

    given: options that differ from their defaults. Both this function and the returned one raise
    UnknownMethod, BadOption, UnknownSite, or MapNotPossible if the network does not support the
    map.
    """
    own = method(name)
    options = own.read(given)
    subject = await learned_of(engine, analysis)
    try:
        # Maps that need only the trace are computed right here.
        made = await pools.run(pools.ANSWERS, _made, own, subject, options)
    except NotPossible as error:
        raise not_possible(refusal(subject, error)) from error
    if isinstance(made, Made):
        return lambda: of_made(made)
    found = await engine.again(analysis, made.key, _passes(made), of_network=made.of_network)

    def finished() -> NamedArray:
        try:
            with torch.no_grad():
                return of_made(made.then(found))
        except NotPossible as error:
            raise not_possible(refusal(subject, error)) from error

    return finished


def _made(own: Method, subject: Subject, options: Mapping[str, Any]) -> Made | Ask:
    if not options.get("site") and options.get("layer") is None:
        own.check(subject, None)
    with torch.no_grad():
        return own.make(subject, options)


def _passes(made: Ask) -> Callable[[LoadedModel, Tensor], Any]:
    def run(loaded: LoadedModel, inputs: Tensor) -> Any:
        return made.run(loaded.module, inputs, loaded.layouts)

    return run


def not_possible(reason: Phrase) -> MapNotPossible:
    """The problem to raise for a map that the network does not support."""
    return MapNotPossible(
        str(reason), reason_key=reason.key, reason_parameters=dict(reason.parameters)
    )
