"""A product of a map and a factor, as passed to every recogniser."""

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
    """A map times a factor, as in the network, and how the factor lies over the map."""

    factor: Tensor
    map: Tensor
    spread: Spread
    known: Factor


@dataclass(frozen=True, eq=False, slots=True)
class Changed:
    """An edited gate: the replacement for the product's factor."""

    factor: Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Scaled:
    """An edited gate with several factors: an additional multiplier for the product's map, laid out
    as `Spread.features`.
    """

    ratio: Tensor


Recogniser = Callable[[Watch, Product], bool | Origin | Changed | Scaled]
"""Adds a site if the product is of its kind, and returns whether it is. If a further product is
needed to complete the site, the result gets an origin.
"""


@dataclass(frozen=True, slots=True)
class Recognition:
    """How a kind recognises products. factors: how many factors over one map a site of that kind
    combines; kinds that combine more are tried first.
    """

    recognise: Recogniser
    factors: int = 1
