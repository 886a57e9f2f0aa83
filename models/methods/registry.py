"""Every map of the product, in the order in which they are listed. This is the only list."""

from __future__ import annotations

from fovea.models.closest import did_you_mean
from fovea.models.methods import (
    attention,
    attention_grad_cam,
    dino,
    gates,
    grad_cam,
    gradient_rollout,
    grid,
    head_importance,
    legrad,
    mask,
    positions,
    received,
    relevance,
    rollout,
    token_lengths,
    warped,
)
from fovea.models.methods.base import Method, Option, Subject

METHODS: tuple[Method, ...] = (
    attention.METHOD,
    gates.CHANNEL,
    gates.SPATIAL,
    gates.STRIP,
    grid.METHOD,
    warped.METHOD,
    mask.METHOD,
    rollout.METHOD,
    dino.METHOD,
    positions.METHOD,
    received.METHOD,
    token_lengths.METHOD,
    relevance.METHOD,
    legrad.METHOD,
    gradient_rollout.METHOD,
    attention_grad_cam.METHOD,
    grad_cam.METHOD,
    head_importance.METHOD,
)

NAMES: tuple[str, ...] = tuple(method.name for method in METHODS)

FIRST = ("mask", "rollout", "grid", "attention", "spatial-gate", "strip-gate", "channel-gate")
"""The map that is shown of a network where none is named: the first of these that it can have."""


class UnknownMethod(LookupError):
    """There is no map of that name. The message lists those that there are."""

    def __init__(self, name: str) -> None:
        self.known = NAMES
        listed = ", ".join(NAMES)
        super().__init__(
            f"There is no map {name[:50]!r}; valid: {listed}.{did_you_mean(name, NAMES)}"
        )


def method(name: str) -> Method:
    """The map of this name; raises UnknownMethod."""
    for one in METHODS:
        if one.name == name:
            return one
    raise UnknownMethod(name)


def first_of(subject: Subject) -> Method | None:
    """The map that is shown of a network where none is named; None where it can have none."""
    order = (*FIRST, *NAMES)
    return next((one for one in map(method, order) if one.reason(subject) is None), None)


def options() -> tuple[Option, ...]:
    """Every option of any map, once."""
    named = {option.name: option for one in METHODS for option in one.options}
    return tuple(named.values())


def heeding(option: str) -> tuple[str, ...]:
    """The names of the maps that heed an option."""
    return tuple(one.name for one in METHODS if option in {own.name for own in one.options})
