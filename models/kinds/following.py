"""Handlers of operations on a softmax or sigmoid after it was computed: views, casts, changes.

A view keeps an origin unchanged. A change (heads mixed by a linear layer or convolution, a product,
a sum, a normalisation) keeps a softmax's origin as long as its keys remain on an axis of their own:
the changed matrix then weighs the values, and is what is recorded.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fovea.models.tracing.origins import Origin, axis_after_copy
from fovea.models.tracing.recording import Watch
from fovea.models.tracing.tensors import same_storage

OF_A_MAP = ("map", "strip", "strips")
"""Origins that require an unchanged shape: a reshape ends them."""


def on_view(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """The result gets the origin of the tensor that was viewed, permuted, copied or cast."""
    result = func(*args, **kwargs)
    origins = watch.recording.origins
    if not args:
        return result
    origin = origins.get(args[0])
    if origin is None or not isinstance(result, Tensor) or result is args[0]:
        return result
    if origin.produced_by in OF_A_MAP and result.shape != args[0].shape:
        return result
    if origin.produced_by == "softmax" and not same_storage(result, args[0]):
        # New storage: the normalised axis has another stride there.
        axis = origin.axis(args[0])
        if axis is not None and result.shape != args[0].shape:
            axis = axis_after_copy(args[0], axis, result)
        if axis is None:
            return result
        origin = origin.along(result, axis, changed=False)
    elif origin.produced_by == "softmax" and result.numel() < args[0].numel():
        origin = origin if origin.axis(result) is not None else origin.cut(result) or origin
    origins.set(result, origin)
    return result


def on_unbind(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Like a view, with several results."""
    results = func(*args, **kwargs)
    origin = watch.recording.origins.get(args[0]) if args else None
    if origin is not None:
        for result in results:
            part = origin.produced_by == "softmax" and origin.axis(result) is None
            watch.recording.origins.set(result, origin.cut(result) or origin if part else origin)
    return results


def keep_changed(watch: Watch, before: Tensor, origin: Origin, result: Any) -> None:
    """Gives the result of a change the softmax's origin, if its keys are still on their own axis.

    Axes count from the last, as in broadcasting.
    """
    if not isinstance(result, Tensor) or origin.produced_by != "softmax":
        return
    axis = origin.axis(before)
    if axis is None:
        return
    axis += result.ndim - before.ndim
    if axis >= 0 and result.shape[axis] == origin.size:
        watch.recording.origins.set(result, origin.along(result, axis, changed=True))


def on_change(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Normalisations, masks and similar operations that keep the axes of their first argument."""
    # Read before the call, which may write in place.
    origin = watch.recording.origins.get(args[0]) if args else None
    result = func(*args, **kwargs)
    if origin is not None:
        keep_changed(watch, args[0], origin, result)
    return result


def on_other(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Ends every origin that it receives."""
    return func(*args, **kwargs)


def on_sum_of_two(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Blends of softmaxes, or one shifted by a number. If anything else is added, such as a
    residual, the result no longer weighs values.
    """
    origins = watch.recording.origins
    found = [origins.get(argument) for argument in args[:2]]
    result = func(*args, **kwargs)
    alike = len(found) == 2 and all(
        isinstance(one, int | float) or (origin is not None and origin.produced_by == "softmax")
        for one, origin in zip(args, found, strict=False)
    )
    for before, origin in zip(args, found, strict=False):
        if alike and origin is not None:
            keep_changed(watch, before, origin, result)
    return result


def on_convolution(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A convolution mixes the second axis: heads if they are there; otherwise the keys are lost."""
    result = func(*args, **kwargs)
    origin = watch.recording.origins.get(args[0]) if args else None
    if origin is not None and origin.axis(args[0]) != 1:
        keep_changed(watch, args[0], origin, result)
    return result


def on_linear(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A linear layer mixes the last axis: heads if they are there; otherwise the keys are lost."""
    result = func(*args, **kwargs)
    origin = watch.recording.origins.get(args[0]) if args else None
    if origin is not None and origin.axis(args[0]) != args[0].ndim - 1:
        keep_changed(watch, args[0], origin, result)
    return result
