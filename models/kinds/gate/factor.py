"""What is known of a tensor that may become a gate: its bounds and its inputs.

A gate is a factor that depends on the photo and in which each value multiplies many entries of the
map. Which function computed it matters only for its bounds, and for telling a full-size factor
(SimAM, BAM) from a product of equals (SiLU, GLU).
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
    """low, high: bounds that hold for every photo, infinite if unknown.

    broadcast: a smaller tensor, such as a mean over all positions, was broadcast into it, so each
    of its values affects many entries of the map. normaliser: one over a deviation or norm;
    multiplying with it normalises and does not gate. argument: the input of its activation. parts:
    the two factors of a product that is larger than either. each_row: a linear layer made it of the
    last axis, so it belongs to tokens, or to places where channels are last.
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
        """The same factor, bounded by the smallest and largest of some values; NaN gives no
        bound.
        """
        found = list(ends)
        if any(map(math.isnan, found)):
            return replace(self, low=-math.inf, high=math.inf)
        return replace(self, low=min(found), high=max(found))


def factor_of(origin: Origin | None) -> Factor | None:
    """What is known of the tensor with this origin; None if it is not a factor."""
    about = None if origin is None else origin.about
    return about if isinstance(about, Factor) else None


def origin_of(factor: Factor) -> Origin:
    """The origin of a factor."""
    return Origin("factor", about=factor)
