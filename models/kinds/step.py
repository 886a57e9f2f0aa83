"""A step of a mechanism."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """The result of one step on this photo.

    name: one or two words · sentence: what is done · formula: the same in symbols · values: with
    named axes, None if only the size is given (`shape`) · module: path of the module that did it,
    if known.
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
    """A step with known values."""
    return Step(name, sentence, formula, values.float(), axes, tuple(values.shape), module)
