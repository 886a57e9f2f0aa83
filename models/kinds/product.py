"""A product of a map and a factor, as every kind that may recognise it is shown it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from fovea.models.kinds.gate.factor import Factor
from fovea.models.kinds.gate.shape import Spread
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch


@dataclass(frozen=True, eq=False, slots=True)
class Product:
    """A map times a factor, as the network has them, and how the one lies over the other."""

    factor: Tensor
    map: Tensor
    spread: Spread
    known: Factor


@dataclass(frozen=True, eq=False, slots=True)
class Changed:
    """An edited gate: what is to multiply in the place of the product's factor."""

    factor: Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Scaled:
    """An edited gate of more than one factor: what the product's map is multiplied by besides, laid
    out as `Spread.features` is.
    """

    ratio: Tensor


Recogniser = Callable[[Watch, Product], bool | Origin | Changed | Scaled]
"""Adds a site where a product is one of its kind, and says whether it is. An origin is given to the
result, where another product is to complete it.
"""
