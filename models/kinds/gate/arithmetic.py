"""Handlers that follow a factor from its activation to the product, and compute its bounds.

Bounds propagate through every call by interval arithmetic, so 1 + σ(z), 2σ(z), tanh(z) + 1, a
hand-written hard sigmoid and 1/(1 + exp(−z)) are recognised without a list of them.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from fovea.models.kinds.axes import axes_of
from fovea.models.kinds.following import keep_changed, on_sum_of_two
from fovea.models.kinds.gate.factor import Factor, factor_of, origin_of
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

Handler = Callable[[Watch, Any, Any, Any], Any]
Bounds = tuple[float, float]
EVERYTHING: Bounds = (-math.inf, math.inf)


def activation(low: float, high: float) -> Handler:
    """The handler of a function whose results lie between these bounds."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        return _activated(watch, func, args, kwargs, low, high)

    return handler


def _activated(watch: Watch, func: Any, args: Any, kwargs: Any, low: float, high: float) -> Any:
    given = args[0] if args else kwargs.get("input")
    origin = watch.recording.origins.get(given)
    before = factor_of(origin)
    each_row = origin is not None and origin.produced_by == "row"
    result = func(*args, **kwargs)
    if isinstance(result, Tensor) and not watch.recording.constants.holds(given):
        broadcast = before is not None and before.broadcast
        argument = weakref.ref(given) if result is not given else None
        made = Factor(low, high, broadcast=broadcast, argument=argument, each_row=each_row)
        watch.recording.origins.set(result, origin_of(made))
    return result


def _clamped(input: Any, min: Any = None, max: Any = None, *_: Any, **__: Any) -> tuple[Any, Any]:
    return min, max


def _hardtanh(
    input: Any, min_val: float = -1.0, max_val: float = 1.0, *_: Any, **__: Any
) -> tuple[Any, Any]:
    return min_val, max_val


def _between(bounds: Callable[..., tuple[Any, Any]]) -> Handler:
    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        low, high = bounds(*args, **kwargs)
        if not (isinstance(low, int | float) and isinstance(high, int | float)):
            return func(*args, **kwargs)
        return _activated(watch, func, args, kwargs, float(low), float(high))

    return handler


on_clamp, on_hardtanh = _between(_clamped), _between(_hardtanh)


def on_pooling(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Marks what was pooled over all positions of a map: each value affects many entries."""
    given = args[0] if args else kwargs.get("input")
    result = func(*args, **kwargs)
    if (
        isinstance(given, Tensor)
        and isinstance(result, Tensor)
        and result.ndim > 1
        and _all_places(given.shape, result.shape)
        and not watch.recording.constants.holds(given)
    ):
        watch.recording.origins.set(result, origin_of(Factor(broadcast=True)))
    return result


def _all_places(before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether all places of a map, or all tokens of a sequence, were made one."""
    if len(before) == 4:
        return math.prod(after[2:]) == 1 < before[2] * before[3]
    batch, tokens, channels = before if len(before) == 3 else (0, 0, 0)
    return tokens > 1 and tuple(after) in ((batch, channels), (batch, 1, channels))


def on_threshold(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A comparison: ones and zeros, by what is above a threshold."""
    given = args[0] if args else None
    if not isinstance(given, Tensor) or given.ndim < 3 or not given.is_floating_point():
        return func(*args, **kwargs)
    return _activated(watch, func, args, kwargs, 0, 1)


def on_normaliser(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """One over a root, or a wave for positions: multiplying with it is not gating."""
    result = func(*args, **kwargs)
    if isinstance(result, Tensor):
        watch.recording.origins.set(result, origin_of(Factor(normaliser=True)))
    return result


@dataclass(frozen=True, eq=False, slots=True)
class Operands:
    """What was known of two operands before a call that may overwrite one of them."""

    both: tuple[Any, Any]
    factors: tuple[Factor | None, Factor | None]
    axes: Origin | None
    bounds: tuple[Bounds, Bounds]

    @property
    def pairs(self) -> list[tuple[Any, Factor | None]]:
        """Each operand with what is known of it as a factor."""
        return list(zip(self.both, self.factors, strict=True))


def read(watch: Watch, one: Any, other: Any) -> Operands:
    """Looks up what is known of two operands."""
    origins = [watch.recording.origins.get(operand) for operand in (one, other)]
    a, b = map(factor_of, origins)
    turned = next((origin for origin in origins if axes_of(origin) is not None), None)
    bounds = (EVERYTHING, EVERYTHING)
    if a is not None or b is not None:
        bounds = _bounds(watch, one, a), _bounds(watch, other, b)
    return Operands((one, other), (a, b), turned, bounds)


def _bounds(watch: Watch, value: Any, factor: Factor | None) -> Bounds:
    """The range of an operand: a number, a factor, or learned values."""
    if isinstance(value, int | float):
        return float(value), float(value)
    if factor is not None:
        return factor.low, factor.high
    if isinstance(value, Tensor) and value.numel() and watch.recording.constants.holds(value):
        return float(value.detach().amin()), float(value.detach().amax())
    return EVERYTHING


def conclude(watch: Watch, operands: Operands, result: Any, ends: Iterable[float]) -> None:
    """Records the result of an operation on two operands; ends: candidate bounds."""
    if not isinstance(result, Tensor):
        return
    known = [factor for factor in operands.factors if factor is not None]
    if not known:
        if operands.axes is not None and result.ndim == 4:
            watch.recording.origins.set(result, operands.axes)
        return
    # It has fewer values than the result, so each affects many entries.
    spread = any(
        factor is not None and isinstance(one, Tensor) and 1 < one.numel() < result.numel()
        for one, factor in operands.pairs
    )
    alone = all(f is not None or isinstance(o, int | float) for o, f in operands.pairs)
    made = Factor(
        broadcast=spread or any(factor.broadcast for factor in known),
        normaliser=any(factor.normaliser for factor in known),
        argument=known[0].argument if len(known) == 1 and alone else None,
        each_row=any(factor.each_row for factor in known),
    )
    watch.recording.origins.set(result, origin_of(made.spanning(ends)))


SIGNS = {"sub": (1, -1), "isub": (1, -1), "subtract": (1, -1), "rsub": (-1, 1)}
"""Dispatches by the function's name; a sum has no entry."""


def on_sum(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A sum or difference of two operands."""
    if len(args) != 2:
        return on_sum_of_two(watch, func, args, kwargs)
    operands = read(watch, *args)
    result = on_sum_of_two(watch, func, args, kwargs)
    if operands.factors == (None, None) and operands.axes is None:
        return result
    (a, b), (c, d) = operands.bounds
    plus, minus = SIGNS.get(func.__name__.strip("_"), (1, 1))
    if plus < 0:
        a, b = -b, -a
    if minus < 0:
        c, d = -d, -c
    scaled = kwargs.get("alpha", 1) != 1
    conclude(watch, operands, result, (math.nan,) if scaled else (a + c, b + d))
    return result


def multiplied(watch: Watch, operands: Operands, result: Any) -> None:
    """Records the product of two factors."""
    one, other = operands.bounds
    conclude(watch, operands, result, (_times(x, y) for x in one for y in other))
    known = factor_of(watch.recording.origins.get(result))
    a, b = operands.both
    if known is None or not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        return
    if max(a.numel(), b.numel()) < result.numel():
        watch.recording.origins.set(result, origin_of(replace(known, parts=(a, b))))


def _times(x: float, y: float) -> float:
    return 0.0 if x == 0 or y == 0 else x * y


def on_negation(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """−z of a factor."""
    operands = read(watch, args[0], -1)
    result = func(*args, **kwargs)
    multiplied(watch, operands, result)
    return result


def on_quotient(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A factor divided by something; a softmax divided by something counts as changed."""
    if len(args) != 2:
        return func(*args, **kwargs)
    origin = watch.recording.origins.get(args[0])
    operands = read(watch, *args)
    result = func(*args, **kwargs)
    if origin is not None and origin.produced_by in ("softmax", "weighted"):
        keep_changed(watch, args[0], origin, result)
    else:
        one, (low, high) = operands.bounds
        apart = low > 0 or high < 0
        ends = [_times(x, 1 / y) for x in one for y in (low, high)] if apart else [math.nan]
        conclude(watch, operands, result, ends)
    return result


def on_reciprocal(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """c/z: for a factor above 0, such as 1 + exp(−z), another factor; otherwise a normaliser.

    Tensor.__rtruediv__ receives the number second.
    """
    operands = read(watch, args[0], None)
    above = args[1] if len(args) > 1 else 1.0
    result = func(*args, **kwargs)
    low, high = operands.bounds[0]
    if operands.factors[0] is not None and low > 0 and isinstance(above, int | float):
        conclude(watch, operands, result, (above / low, above / high))
    elif isinstance(result, Tensor):
        watch.recording.origins.set(result, origin_of(Factor(normaliser=True)))
    return result


def on_layer(otherwise: Handler) -> Handler:
    """The handler of layers, norms and unbounded activations.

    Pooled tensors remain pooled, and maps keep their axis order. otherwise: handler for anything
    else, such as a softmax.
    """

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        origins = watch.recording.origins
        origin = origins.get(args[0]) if args else None
        factor, turned = factor_of(origin), axes_of(origin)
        if factor is None and turned is None:
            return otherwise(watch, func, args, kwargs)
        result = func(*args, **kwargs)
        if isinstance(result, Tensor) and factor is not None:
            made = Factor(broadcast=factor.broadcast, normaliser=factor.normaliser)
            origins.set(result, origin_of(made))
        elif isinstance(result, Tensor) and turned is not None and result.ndim == 4:
            origins.set(result, Origin("map", about=turned))
        return result

    return handler


def on_pooled_sum(otherwise: Handler) -> Handler:
    """The handler of a sum, over positions or over what a softmax has weighed."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        origin = watch.recording.origins.get(args[0]) if args else None
        weighs = origin is not None and origin.produced_by in ("softmax", "weighted")
        by_hand = watch.recording.origins.weights_of(args[0]) if args else None
        weighs |= by_hand is not None and by_hand.factor is not None
        return (otherwise if weighs else on_pooling)(watch, func, args, kwargs)

    return handler
