"""Handlers of gates: a sigmoid whose result multiplies a larger feature map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from models.capture.origins import Origin
from models.records import Gate, Kind

if TYPE_CHECKING:
    from models.capture.recorder import _Watch


def on_sigmoid(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers the result."""
    result = func(*args, **kwargs)
    watch.recording.origins.set(result, Origin("sigmoid"))
    return result


def _without_expansion(gate: Tensor) -> Tensor:
    """`gate` with every axis that was only expanded (stride 0) narrowed to one entry again."""
    for axis in range(gate.ndim):
        if gate.shape[axis] > 1 and gate.stride(axis) == 0:
            gate = gate.narrow(axis, 0, 1)
    return gate


def gate_of(gate: Tensor, features: Tensor) -> tuple[Kind, Tensor, Tensor] | None:
    """(kind, gate, features) in (batch, channel, row, column) order if `gate` broadcasts over
    `features`, else None.

    A gate has one value a channel or one a position; a product of equals (SiLU, GLU) is neither.
    """
    gate = _without_expansion(gate)
    if gate.ndim != features.ndim or features.ndim not in (3, 4):
        return None
    if features.ndim == 3:  # (batch, token, channel): tokens stand where rows and columns would
        gate, features = gate[:, :, None], features[:, :, None]
    _, *inner = gate.shape
    _, channels, rows, columns = features.shape
    if inner == [channels, 1, 1] and rows * columns > 1:
        return "channel-gate", gate, features
    if inner == [1, rows, columns] and channels > 1 and rows > 1 and columns > 1:
        return "spatial-gate", gate, features
    if inner == [1, 1, columns] and channels * rows > 1:  # channels last
        return "channel-gate", gate.permute(0, 3, 1, 2), features.permute(0, 3, 1, 2)
    return None


def on_product(watch: _Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if one factor is a sigmoid and the other a larger feature map."""
    recording = watch.recording
    if not recording.origins or len(args) != 2:
        return func(*args, **kwargs)
    found = None
    for gate, features in (args, args[::-1]):
        origin = recording.origins.get(gate)
        if origin is not None and origin.produced_by == "sigmoid" and isinstance(features, Tensor):
            found = gate_of(gate, features)
    if found is not None:
        kind, gate, features = found
        # Copied before the product runs: it may write over the feature map, and whatever follows
        # over the gate.
        before = features.detach().clone() if recording.features else None
        recording.add(kind, Gate(values=gate.detach().clone(), features=before))
    return func(*args, **kwargs)
