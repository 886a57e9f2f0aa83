"""What is known of a tensor that may become a gate: its bounds, and what it was made from.

A gate is a factor that depends on the photo and has one value for many entries of the map that it
multiplies. Which function made it does not matter; the function matters for its bounds, and for
telling a factor as large as the map (SimAM, BAM) from a product of equals (SiLU, GLU).
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace

from torch import Tensor

from fovea.models.tracing.origins import Origin


@dataclass(frozen=True, eq=False, slots=True)
class Factor:
    """low, high: bounds that hold for every photo, infinite where none are known.

    broadcast: something with fewer entries is in it, a mean over all places say; so each of its
    values is decided by more than one entry of the map. normaliser: one over a deviation or a
    norm; a map times that is normalised, not gated. argument: what its activation was given. parts:
    the two of which it is the product, where it is larger than either. each_row: a linear layer
    made it of the last axis, so that it belongs to tokens, or to places where channels are last.
    """

    low: float = -math.inf
    high: float = math.inf
    broadcast: bool = False
    normaliser: bool = False
    argument: weakref.ref[Tensor] | None = None
    parts: tuple[Tensor, ...] = ()
    each_row: bool = False

    @property
    def bounded(self) -> bool:
        """Whether both bounds are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def spanning(self, ends: Iterable[float]) -> Factor:
        """The same, bounded by the smallest and the largest of some values; NaN is no bound."""
        found = list(ends)
        if any(map(math.isnan, found)):
            return replace(self, low=-math.inf, high=math.inf)
        return replace(self, low=min(found), high=max(found))


def factor_of(origin: Origin | None) -> Factor | None:
    """What is known of the tensor with this origin; None where it is no factor."""
    about = None if origin is None else origin.about
    return about if isinstance(about, Factor) else None


def origin_of(factor: Factor) -> Origin:
    """The origin of a factor."""
    return Origin("factor", about=factor)
