"""Handlers of products: a map times a factor is passed to every recogniser.

All forms of `mul`, `addcmul`, division by a factor, and `einsum` without summation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fovea.models.kinds.attention.signature import on_einsum as attention_einsum
from fovea.models.kinds.axes import axes_of
from fovea.models.kinds.following import keep_changed
from fovea.models.kinds.gate import signature as gates
from fovea.models.kinds.gate.arithmetic import multiplied, on_quotient, read
from fovea.models.kinds.gate.factor import Factor, factor_of
from fovea.models.kinds.gate.shape import Spread, spread_of, without_expansion
from fovea.models.kinds.product import Changed, Product, Recogniser, Scaled
from fovea.models.tracing.equations import operands_of
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

EACH_ROW = (
    "it has one value for each token, or for each token and head: a gate on tokens, whose rows and "
    "columns are not known there"
)

BLENDED = "it takes a share of each of two maps, or chooses between them, and multiplies neither"

Handler = Callable[[Watch, Any, Any, Any], Any]


def product_of(watch: Watch, one: Any, other: Any) -> Product | None:
    """How one operand of a product lies over the other, if it may gate it.

    The factor is the one with fewer values. Of two equal-sized operands it is the one into which a
    smaller tensor was broadcast; an activation times its own input is not a gate (SiLU).
    """
    recording = watch.recording
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return None
    if max(one.ndim, other.ndim) < 3:
        return None
    if not (_multiplies(one) and _multiplies(other)):
        return None
    pairs = ((one, other), (other, one))
    if without_expansion(other).numel() < without_expansion(one).numel():
        pairs = pairs[::-1]
    for factor, features in pairs:
        origin = recording.origins.get(factor)
        known, map_known = factor_of(origin), recording.origins.get(features)
        if map_known is not None and map_known.produced_by in ("softmax", "weighted"):
            return None  # it is part of an attention matrix
        if recording.constants.holds(factor) or recording.constants.holds(features):
            return None
        spread = spread_of(factor, features, axes_of(map_known))
        if spread is None:
            continue
        if known is not None and known.each_row and (spread.varies != "hw" or spread.turned):
            recording.miss("gate", "mul", EACH_ROW)
            return None
        if factor.dtype == torch.bool:
            if known is None:
                continue
            spread = replace(spread, factor=spread.factor.to(features.dtype))
        if spread.varies == "chw":
            of_map = factor_of(map_known)
            itself = known is not None and known.argument is not None
            if known is None or (itself and known.argument() is features):  # type: ignore[misc]
                continue
            if of_map is not None and of_map.broadcast:
                continue
        return Product(factor, features, spread, known or Factor())
    return None


def _multiplies(value: Tensor) -> bool:
    """Whether a tensor may be a map or a factor: numbers, or ones and zeros."""
    return value.is_floating_point() or value.dtype == torch.bool


def on_blend(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Two maps of which a factor takes a share each (`lerp`), or one of them (`where`)."""
    names = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
    origins = watch.recording.origins
    known = [name for name in names if factor_of(origins.get(name)) is not None]
    result = func(*args, **kwargs)
    larger = isinstance(result, Tensor) and result.ndim > 2 and result.is_floating_point()
    if larger and any(1 < one.numel() < result.numel() for one in known):
        watch.recording.miss("gate", func.func, BLENDED)
    return result


class Memory(NamedTuple):
    """What a later pass must know of a product: which operand is the factor, the map's axis order,
    and the factor's bounds.
    """

    first: bool
    axes: str | None
    low: float
    high: float
    broadcast: bool

    def product(self, one: Tensor, other: Tensor) -> Product | None:
        """The product, without checking where its operands come from."""
        factor, features = (one, other) if self.first else (other, one)
        spread = spread_of(factor, features, self.axes)
        if spread is None:
            return None
        known = Factor(self.low, self.high, broadcast=self.broadcast)
        return Product(factor, features, spread, known)


def _told(watch: Watch, product: Product | None, recognisers: Sequence[Recogniser]) -> Any:
    """The answer of the first recogniser that accepts the product; False if none does."""
    if product is None:
        return False
    return next((told for recogniser in recognisers if (told := recogniser(watch, product))), False)


def on_product(recognisers: Sequence[Recogniser]) -> Handler:
    """The handler of a product of two operands."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        origins = watch.recording.origins
        if len(args) != 2:
            return func(*args, **kwargs)
        one, other = args
        memory: Memory | None = watch.memory
        if memory is not None:
            return _remembered(watch, memory, func, args, kwargs, recognisers)
        for factor, rest in ((one, other), (other, one)):
            origin = origins.get(factor)
            if origin is not None and origin.produced_by in ("softmax", "weighted"):
                return _of_softmax(watch, func, args, kwargs, factor, origin, rest)
        # Inspected before the product runs, which may overwrite the map.
        before_it = watch.recording.told
        product = product_of(watch, one, other)
        told = _told(watch, product, recognisers)
        if product is None or not told:
            operands = read(watch, one, other)
            result = func(*args, **kwargs)
            if watch.recording.told == before_it:  # what was named is no factor any more
                multiplied(watch, operands, result)
            return result
        before = origins.get(product.map)
        axes = axes_of(before)
        known = product.known
        # If the recogniser used what factor or map were computed from, as strips do, they must be
        # followed in every pass.
        alone = not known.parts and (before is None or before.produced_by in ("map", "factor"))
        if told is True and alone:
            first = product.factor is one
            watch.learnt = Memory(first, axes, known.low, known.high, known.broadcast)
        result = func(*_changed(args, product, told), **kwargs)
        if isinstance(told, Origin):
            origins.set(result, told)
        elif axes is not None:
            origins.set(result, Origin("map", about=axes))
        return result

    return handler


def _remembered(
    watch: Watch,
    memory: Memory,
    func: Any,
    args: Any,
    kwargs: Any,
    recognisers: Sequence[Recogniser],
) -> Any:
    """A gate recognised in an earlier pass."""
    product = memory.product(*args)
    _told(watch, product, recognisers)
    result = func(*args, **kwargs)
    if memory.axes is not None:
        watch.recording.origins.set(result, Origin("map", about=memory.axes))
    return result


def _of_softmax(
    watch: Watch, func: Any, args: Any, kwargs: Any, factor: Tensor, origin: Origin, other: Any
) -> Any:
    """A softmax over branches is a gate; others are changed, or spread over values to be summed."""
    if isinstance(other, Tensor) and origin.produced_by == "softmax":
        spread = gates.softmax_gate(factor, origin, other)
        if spread is not None:
            known = Factor(0.0, 1.0)
            changed = gates.add(watch, "channel-gate", spread, known, competing=origin.size)
            if changed is not None:
                args = _instead(args, factor, spread.restored(changed, factor))
            return func(*args, **kwargs)
        if (mask := _masked_by(watch, factor, origin, other)) is not None:
            known = Factor() if origin.changed else Factor(0.0, 1.0)
            changed = gates.add(watch, "spatial-gate", mask, known, over_places=True)
            if changed is not None:
                args = _instead(args, factor, mask.restored(changed, factor))
            return func(*args, **kwargs)
    result = func(*args, **kwargs)
    if origin.produced_by == "softmax" and isinstance(result, Tensor):
        axis = origin.axis(factor)
        alike = isinstance(other, Tensor) and other.ndim == factor.ndim
        if axis is not None and alike and result.shape != factor.shape and result.shape[axis] > 1:
            weighed = Origin("weighted", size=axis, changed=origin.changed, factor=factor)
            watch.recording.origins.set(result, weighed)
        else:
            keep_changed(watch, factor, origin, result)
            if alike and not watch.recording.constants.holds(other):
                # It may weigh each channel of its values with a row of its own.
                weights = Origin("weights", size=-1, factor=factor, start=origin.start)
                watch.recording.origins.set(result, weights)
    return result


def _masked_by(watch: Watch, factor: Tensor, origin: Origin, other: Tensor) -> Spread | None:
    """How a softmax over all positions, reshaped to rows and columns, masks a map; None if it does
    not.

    While rows and columns are still one axis, it is attention once its products are summed.
    """
    if origin.axis(factor) is not None:
        return None
    spread = spread_of(factor, other, axes_of(watch.recording.origins.get(other)))
    masks = spread is not None and not spread.tokens and spread.varies == "hw"
    return spread if masks else None


def _changed(args: Sequence[Any], product: Product | None, told: Any) -> Sequence[Any]:
    """The arguments of a product with the edited operand."""
    if product is not None and isinstance(told, Scaled):
        ratio = product.spread.restored(told.ratio, product.map)
        return _instead(args, product.map, product.map * ratio)
    if product is None or not isinstance(told, Changed):
        return args
    return _instead(args, product.factor, told.factor)


def _instead(args: Sequence[Any], known: Tensor, other: Tensor) -> Sequence[Any]:
    """Arguments with one tensor replaced, also inside a list of operands."""
    return [
        _instead(argument, known, other)
        if isinstance(argument, list | tuple)
        else other
        if argument is known
        else argument
        for argument in args
    ]


def _as_operand(laid_out: Tensor, like: Tensor, own: str, output: str) -> Tensor:
    """The inverse of `_laid_out`."""
    letters = [letter for letter in output if letter in own]
    ordered = laid_out.reshape([like.shape[own.index(letter)] for letter in letters])
    return ordered.permute([letters.index(letter) for letter in own])


def on_product_added(recognisers: Sequence[Recogniser]) -> Handler:
    """The handler of addcmul: input + value · one · other."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        if len(args) >= 3:
            product = product_of(watch, args[-2], args[-1])
            args = _changed(args, product, _told(watch, product, recognisers))
        return func(*args, **kwargs)

    return handler


def on_division(recognisers: Sequence[Recogniser]) -> Handler:
    """A map divided by 1 + exp(−z) is gated by σ(z); other quotients are followed."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        if len(args) == 2 and isinstance(args[0], Tensor) and isinstance(args[1], Tensor):
            below = factor_of(watch.recording.origins.get(args[1]))
            if below is not None and below.low > 0 and args[1].numel() < args[0].numel():
                found = product_of(watch, args[1], args[0])
                told = False if found is None else _told(watch, _inverse(found), recognisers)
                if isinstance(told, Changed):
                    told = Changed(1 / told.factor)
                if told:
                    return func(*_changed(args, found, told), **kwargs)
        return on_quotient(watch, func, args, kwargs)

    return handler


def _inverse(product: Product) -> Product:
    """A map divided by something, as that map times its inverse."""
    spread, known = product.spread, product.known
    return replace(
        product,
        spread=replace(spread, factor=1 / spread.factor),
        known=known.spanning((1 / known.high, 1 / known.low)),
    )


def on_einsum(recognisers: Sequence[Recogniser]) -> Handler:
    """The handler of einsum: without summation it is a product, "bchw,bc->bchw"; otherwise it may
    weigh values.
    """

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        recording = watch.recording
        operands = operands_of(args) if args else []
        maps = [one for own, output, one in operands if sorted(own) == sorted(output)]
        within = operands and all(set(own) <= set(output) for own, output, _ in operands)
        if not within or len(operands) < 2 or len(maps) != 1:
            return attention_einsum(watch, func, args, kwargs)
        features = next(
            one.permute([own.index(letter) for letter in output])
            for own, output, one in operands
            if one is maps[0]
        )
        known = recording.origins.get(maps[0])
        if known is not None:
            recording.origins.set(features, known)
        for own, output, one in operands:
            if one is maps[0]:
                continue
            factor = _laid_out(one, own, output)
            if (origin := recording.origins.get(one)) is not None:
                if origin.produced_by == "softmax":
                    return attention_einsum(watch, func, args, kwargs)
                recording.origins.set(factor, origin)
            if recording.constants.holds(one):
                recording.constants.add(factor)
            product = product_of(watch, factor, features)
            told = _told(watch, product, recognisers)
            if product is not None and isinstance(told, Scaled):
                ratio = product.spread.restored(told.ratio, features)
                own, output = next((own, output) for own, output, one in operands if one is maps[0])
                back = [output.index(letter) for letter in own]
                args = _instead(args, maps[0], maps[0] * ratio.permute(back))
            elif isinstance(told, Origin):
                recording.origins.set(features, told)
            elif isinstance(told, Changed):
                args = _instead(args, one, _as_operand(told.factor, one, own, output))
        return func(*args, **kwargs)

    return handler


def _laid_out(factor: Tensor, own: str, output: str) -> Tensor:
    """A factor with the result's axes, of size 1 where it has none."""
    ordered = factor.permute([own.index(letter) for letter in output if letter in own])
    sizes = iter(ordered.shape)
    return ordered.reshape([next(sizes) if letter in own else 1 for letter in output])
