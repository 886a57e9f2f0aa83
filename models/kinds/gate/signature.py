"""Recognises gates among the products of a pass: a factor over channels or over positions.

A softmax over competing branches (selective kernels, split attention) counts too; a softmax over
positions that is not summed afterwards is a mask.
"""

from __future__ import annotations

import math

from torch import Tensor

from fovea.models.kinds.gate import edit
from fovea.models.kinds.gate.factor import Factor
from fovea.models.kinds.gate.shape import Spread, spread_of
from fovea.models.kinds.product import Changed, Product, Recognition
from fovea.models.records import Gate, Kind
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

MODULATED = (
    "every token is multiplied by the same numbers, made of all tokens and without bounds "
    "(a linear gate, or Hydra attention)"
)

SCALED = "it is one number for each photo, by which everything is multiplied alike"

PER_CHANNEL = "One mask for each channel; their mean is drawn."


def recognise(watch: Watch, product: Product) -> bool | Changed:
    """Adds a site if the factor is a gate on channels or positions; returns whether it is, or the
    replacement factor if it is edited.

    A full-size factor is a gate only if a smaller tensor was broadcast into it; otherwise it is a
    product of equals (SiLU, GLU). On tokens only bounded factors count, since norms have the same
    shape; likewise on turned maps, which may be (batch, head, token, head_dim).
    """
    spread, factor = product.spread, product.known
    kind = _kind(spread, factor)
    if kind is None:
        if spread.tokens and spread.varies == "c" and factor.broadcast and not factor.normaliser:
            watch.recording.miss("gate", "mul", MODULATED)
        elif not spread.varies and factor.bounded and not factor.normaliser:
            watch.recording.miss("gate", "mul", SCALED)
        return False
    changed = add(watch, kind, spread, factor)
    return True if changed is None else Changed(spread.restored(changed, product.factor))


def _kind(spread: Spread, factor: Factor) -> Kind | None:
    _, channels, rows, columns = spread.features.shape
    if factor.normaliser or ((spread.tokens or spread.turned) and not factor.bounded):
        return None
    if spread.varies == "c" and rows * columns > 1:
        return "channel-gate"
    if spread.varies == "hw" and channels > 1:
        return "spatial-gate"
    if spread.varies == "chw" and factor.broadcast and not spread.tokens:
        return "spatial-gate"
    return None


def add(
    watch: Watch,
    kind: Kind,
    spread: Spread,
    factor: Factor,
    *,
    competing: int = 0,
    over_places: bool = False,
) -> Tensor | None:
    """Adds a site of this kind. competing: number of branches of a softmax that made the factor;
    over_places: whether the softmax was over all positions.

    Returns the replacement factor, (batch, channel, row, column), if an edit requires one.
    """
    change = watch.recording.change(kind)
    changed = None if change is None else edit.edited(spread.factor, change)
    # Copied before the product runs: it may overwrite the feature map, and later operations the
    # gate.
    before = spread.features.detach().clone() if watch.recording.features else None
    values = (spread.factor if changed is None else changed).detach().clone()
    notes = [
        f"A softmax over {competing} that compete." if competing else None,
        "A softmax over all places: its factors sum to 1." if over_places else None,
        PER_CHANNEL if spread.varies == "chw" else None,
        range_note(factor),
    ]
    watch.recording.add(
        kind,
        Gate(values=values, features=before, low=factor.low, high=factor.high),
        note=" ".join(filter(None, notes)) or None,
    )
    return changed


def range_note(factor: Factor) -> str | None:
    """A note on a factor outside 0…1."""
    low, high = factor.low, factor.high
    if low >= 0 and high <= 1:
        return None
    if factor.bounded:
        return f"Its factors are between {low:g} and {high:g}."
    if math.isfinite(low):
        return f"Its factors are {low:g} or more, without an upper bound."
    if math.isfinite(high):
        return f"Its factors are {high:g} or less, without a lower bound."
    return "Its factors have no bounds: nothing keeps them between 0 and 1."


def softmax_gate(gate: Tensor, origin: Origin, features: Tensor) -> Spread | None:
    """How a softmax over branches or channels lies over rows and columns.

    None for one over positions: that is attention, if it is summed afterwards.
    """
    axis = origin.axis(gate)
    if (
        axis is None
        or not gate.ndim == features.ndim >= 4
        or not 1 <= axis <= gate.ndim - 3
        or tuple(gate.shape[-2:]) != (1, 1)
        or gate.shape[1:-2] != features.shape[1:-2]
    ):
        return None
    return spread_of(gate, features, None)


RECOGNITION = Recognition(recognise)
