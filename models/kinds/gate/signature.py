"""Handlers of gates: a factor in 0…1 that multiplies a larger feature map.

Such a factor is a sigmoid, a hard sigmoid (also written out: clamped to 0…6, divided by 6), or a
softmax over the channels of several branches that compete (selective kernels, split attention).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from fovea.models.kinds.following import keep_changed
from fovea.models.kinds.gate import edit
from fovea.models.records import Gate, Kind
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch


def on_sigmoid(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers the result, unless it is that of a parameter: a constant looks at no photo."""
    result = func(*args, **kwargs)
    if not _learned(args[0]):
        watch.recording.origins.set(result, Origin("sigmoid"))
    return result


def _learned(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) or isinstance(tensor._base, nn.Parameter)


def _clamped_to(input: Any, min: Any = None, max: Any = None, *_: Any, **__: Any) -> float | None:
    """The ceiling of a clamp whose floor is 0, with the parameters of the torch functions."""
    return float(max) if min == 0 and isinstance(max, int | float) and max > 0 else None


def _hardtanh_to(
    input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> float | None:
    return _clamped_to(input, min_val, max_val)


def _remember_clamped(watch: Watch, result: Tensor, ceiling: float | None) -> Tensor:
    if ceiling is not None:
        origin = Origin("sigmoid") if ceiling == 1.0 else Origin("clamp", ceiling=ceiling)
        watch.recording.origins.set(result, origin)
    return result


def on_clamp(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers what was clamped to 0…c: the first half of a hard sigmoid."""
    result = func(*args, **kwargs)
    return _remember_clamped(watch, result, _clamped_to(*args, **kwargs))


def on_hardtanh(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The same, in torch's other spelling."""
    result = func(*args, **kwargs)
    return _remember_clamped(watch, result, _hardtanh_to(*args, **kwargs))


def on_relu6(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The same, where the ceiling is 6."""
    return _remember_clamped(watch, func(*args, **kwargs), 6.0)


def rescaled(watch: Watch, origin: Origin, factor: object, result: Tensor) -> None:
    """The second half of a hard sigmoid: what was clamped to 0…c, times 1/c."""
    if isinstance(factor, int | float) and abs(origin.ceiling * factor - 1) < 1e-4:
        watch.recording.origins.set(result, Origin("sigmoid"))


def on_quotient(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A clamp divided by its ceiling is a hard sigmoid; a softmax divided by something, changed."""
    before = args[0]
    origin = watch.recording.origins.get(before)
    result = func(*args, **kwargs)
    if origin is not None and len(args) > 1:
        if origin.produced_by == "clamp" and isinstance(args[1], int | float) and args[1]:
            rescaled(watch, origin, 1 / args[1], result)
        else:
            keep_changed(watch, before, origin, result)
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
    Branches, (batch, branch, channel, row, column), are put one after the other as channels.
    """
    gate = _without_expansion(gate)
    if gate.ndim != features.ndim or features.ndim not in (3, 4, 5):
        return None
    if features.ndim == 5:
        if gate.shape[1:3] != features.shape[1:3]:
            return None
        gate, features = gate.flatten(1, 2), features.flatten(1, 2)
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


def _softmax_gate(gate: Tensor, origin: Origin, features: Tensor) -> bool:
    """Whether a softmax over branches or channels is spread over rows and columns.

    One over places is attention: it is to be summed.
    """
    axis = origin.axis(gate)
    return (
        axis is not None
        and gate.ndim == features.ndim >= 4
        and 1 <= axis <= gate.ndim - 3
        and tuple(gate.shape[-2:]) == (1, 1)
        and gate.shape[1:-2] == features.shape[1:-2]
    )


def on_product(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A site, if one factor is a gate and the other a larger feature map."""
    recording = watch.recording
    if len(args) != 2:
        return func(*args, **kwargs)
    follow: tuple[Tensor, Origin, Any] | None = None
    for one, other in (args, args[::-1]):
        origin = recording.origins.get(one)
        if origin is None:
            continue
        if follow is None or origin.produced_by == "softmax":
            follow = one, origin, other
        if not isinstance(other, Tensor):
            continue
        if origin.produced_by == "sigmoid":
            # Of an attention matrix it would be a part, no gate on features.
            weighs = recording.origins.get(other)
            found = None if weighs and weighs.produced_by == "softmax" else gate_of(one, other)
        elif origin.produced_by == "softmax" and _softmax_gate(one, origin, other):
            found, follow = gate_of(one, other), None
        else:
            continue
        if found is not None:
            factor = _add_gate(watch, one, *found, competing=origin.size)
            if factor is not one:
                args = [factor if part is one else part for part in args]
            return func(*args, **kwargs)
    result = func(*args, **kwargs)
    if follow is not None:
        _follow_product(watch, *follow, result)
    return result


def _add_gate(
    watch: Watch, factor: Tensor, kind: Kind, gate: Tensor, features: Tensor, *, competing: int
) -> Tensor:
    """Records the site; gives the factor that is to multiply, another one where it is edited."""
    # Copied before the product runs: it may write over the feature map, and whatever follows over
    # the gate.
    recording = watch.recording
    before = features.detach().clone() if recording.features else None
    note = f"A softmax over {competing} that compete." if competing else None
    change = recording.change(kind)
    if change is not None:
        changed = edit.edited(gate, change)
        factor, gate = changed.reshape(_without_expansion(factor).shape), changed
    values = Gate(values=gate.detach().clone(), features=before)
    recording.add(kind, values, note=note)
    return factor


def _follow_product(watch: Watch, factor: Tensor, origin: Origin, other: Any, result: Any) -> None:
    """A clamp times a number; a softmax that is changed, or spread over values yet to be summed."""
    if origin.produced_by == "clamp":
        rescaled(watch, origin, other, result)
    elif origin.produced_by == "softmax" and isinstance(result, Tensor):
        axis = origin.axis(factor)
        alike = isinstance(other, Tensor) and other.ndim == factor.ndim
        if axis is not None and alike and result.shape != factor.shape and result.shape[axis] > 1:
            weighed = Origin("weighted", size=axis, changed=origin.changed, factor=factor)
            watch.recording.origins.set(result, weighed)
        else:
            keep_changed(watch, factor, origin, result)
