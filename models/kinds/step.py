"""A step of a mechanism."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """What a step gave on this photo.

    name: one or two words · sentence: what is done · formula: the same in symbols · values: with
    the axes named, None where only the size is told (`shape`) · module: the path of the module
    that did it, where that is known.
    """

    name: str
    sentence: str
    formula: str
    values: Tensor | None
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    module: str | None = None


def step(
    name: str,
    sentence: str,
    formula: str,
    values: Tensor,
    axes: tuple[str, ...],
    module: str | None = None,
) -> Step:
    """A step whose values are known."""
    return Step(name, sentence, formula, values.float(), axes, tuple(values.shape), module)
