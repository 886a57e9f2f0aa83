"""Every map of the product: each `Method`, or tuple of them, in a file of this folder. There is no
other list.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from fovea.models import methods
from fovea.models.closest import did_you_mean
from fovea.models.methods.base import Method, Option, Subject


def _found() -> Iterator[Method]:
    for module in pkgutil.iter_modules(methods.__path__):
        name = f"{methods.__name__}.{module.name}"
        if not module.ispkg and name != __name__:
            for value in vars(import_module(name)).values():
                yield from (one for one in _several(value) if isinstance(one, Method))


def _several(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


METHODS: tuple[Method, ...] = tuple(sorted(_found(), key=lambda one: (one.order, one.name)))
"""In display order."""

NAMES: tuple[str, ...] = tuple(method.name for method in METHODS)

FIRST: tuple[str, ...] = tuple(
    one.name for one in sorted(METHODS, key=lambda one: one.first or 0) if one.first is not None
)
"""The default map of a network: the first of these that it supports."""


class UnknownMethod(LookupError):
    """An unknown map name. The message lists the known ones."""

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
    """The default map of a network; None if it supports none."""
    order = (*FIRST, *NAMES)
    return next((one for one in map(method, order) if one.reason(subject) is None), None)


def options() -> tuple[Option, ...]:
    """Every option of any map, once."""
    named = {option.name: option for one in METHODS for option in one.options}
    return tuple(named.values())


def taking(option: str) -> tuple[str, ...]:
    """The names of the maps that have an option."""
    return tuple(one.name for one in METHODS if option in {own.name for own in one.options})
