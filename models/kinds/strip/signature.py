"""Two strips that gate a map together: one factor a row, one a column, each for every channel.

    x · rows · columns        one after the other, in either order
    x · (rows · columns)      multiplied with each other first
    einsum("bchw,bch,bcw->bchw", x, rows, columns)

Which function made the strips, and whether all channels share one, does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fovea.models.kinds.axes import USUAL, axes_of
from fovea.models.kinds.gate.factor import Factor, factor_of
from fovea.models.kinds.gate.shape import spread_of
from fovea.models.kinds.gate.signature import range_note
from fovea.models.kinds.product import Product, Recognition, Scaled
from fovea.models.kinds.strip import edit
from fovea.models.kinds.strip.record import Strips
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

KIND = "strip-gate"


@dataclass(frozen=True, eq=False, slots=True)
class Half:
    """A map already multiplied by one strip.

    along: "h" or "w", the axis along which the strip varies. features: the map before it. axes: the
    order of the map's axes.
    """

    along: str
    strip: Tensor
    features: Tensor | None
    known: Factor
    axes: str


def _along(varies: str) -> str | None:
    """The single spatial axis along which a factor varies; None if it varies along none or both."""
    places = varies.replace("c", "")
    return places if len(places) == 1 else None


def recognise(watch: Watch, product: Product) -> bool | Origin | Scaled:
    """Adds a site if the factor is the second strip over a map, or the product of both."""
    spread, known = product.spread, product.known
    _, _, rows, columns = spread.features.shape
    if spread.tokens or known.normaliser or rows < 2 or columns < 2:
        return False
    along = _along(spread.varies)
    if along is None and len(known.parts) != 2:
        return False
    origin = watch.recording.origins.get(product.map)
    features = spread.features.detach().clone() if watch.recording.features else None
    if along is None or len(known.parts) == 2:
        return _both(watch, product, features, axes_of(origin) or USUAL)
    axes = axes_of(origin) or USUAL
    own = Half(along, spread.factor.detach().clone(), features, known, axes)
    first = None if origin is None else origin.about
    if not isinstance(first, Half) or first.along == along:
        return Origin("strip", about=own)
    return _add(watch, first, own, spread.features.shape[1])


def _both(watch: Watch, product: Product, features: Tensor | None, axes: str) -> bool | Scaled:
    halves = []
    for part in product.known.parts:
        spread = spread_of(part, product.map, axes)
        along = None if spread is None else _along(spread.varies)
        if spread is None or along is None or watch.recording.constants.holds(part):
            return False
        known = factor_of(watch.recording.origins.get(part)) or Factor()
        halves.append(Half(along, spread.factor.detach().clone(), features, known, axes))
    if halves[0].along == halves[1].along:
        return False
    return _add(watch, halves[0], halves[1], product.spread.features.shape[1])


def _add(watch: Watch, first: Half, second: Half, channels: int) -> bool | Scaled:
    """Adds a site; returns the additional multiplier if an edit requires one."""
    rows, columns = sorted((first, second), key=lambda half: half.along)  # "h" before "w"
    bounds = first.known.spanning(
        _times(a, b)
        for a in (first.known.low, first.known.high)
        for b in (second.known.low, second.known.high)
    )
    own = rows.strip, columns.strip
    change = watch.recording.change(KIND)
    strips = own if change is None else edit.edited(*own, channels, change)
    watch.recording.add(
        KIND,
        Strips(*strips, first.features, bounds.low, bounds.high),
        note=range_note(bounds),
    )
    if change is None:
        return True
    scale = edit.ratio(*strips, own)
    if not bool(scale.isfinite().all()):
        watch.recording.note_edit(
            "A gate that is 0 leaves nothing of its map to be opened; the map stays 0 there."
        )
        scale = scale.nan_to_num(0.0, 0.0, 0.0)
    return Scaled(scale)


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


RECOGNITION = Recognition(recognise, factors=2)
