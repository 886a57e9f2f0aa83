"""Hard attention: the best score chooses which value is taken, and nothing is weighed.

Written with an index it is named; written with a matrix of ones and zeros (`one_hot`) that matrix
is a distribution like any other, and its product with the values a site.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from fovea.models.kinds.attention.signature import WEIGHTS
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Watch

CHOSEN = "each query takes the value of its best key alone (hard attention), chosen by an index"

CHOICE = Origin("choice")


def on_best(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Remembers which key of its scores is the best for each query: `argmax`, `max` along an axis,
    `topk` of one.
    """
    result = func(*args, **kwargs)
    given, origins = (args[0] if args else None), watch.recording.origins
    if not isinstance(given, Tensor) or given.ndim < 2:
        return result
    origin = origins.get(given)
    softmax = origin is not None and origin.produced_by == "softmax"
    if softmax or origins.weights_of(given) is not None:
        for one in tree_leaves(tuple(result) if isinstance(result, tuple) else result):
            numbers = isinstance(one, Tensor) and one.ndim and not one.is_floating_point()
            if numbers and (func.__name__ != "topk" or 1 in one.shape):
                origins.set(one, CHOICE)
    return result


def _chosen(watch: Watch, values: Any) -> bool:
    origins = watch.recording.origins
    found = [origins.get(leaf) for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return any(origin is not None and origin.produced_by == "choice" for origin in found)


def on_taking(otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of what takes entries by an index. otherwise: who looks at it besides."""

    def handler(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
        recording = watch.recording
        values = args[0] if args else None
        if (
            isinstance(values, Tensor)
            and values.is_floating_point()
            and not recording.is_learned(values)
            and _chosen(watch, (args[1:], kwargs))
        ):
            recording.miss("attention", func.func, CHOSEN)
        return otherwise(watch, func, args, kwargs)

    return handler


def on_marking(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """A matrix with a one where the best key is: it may weigh values."""
    chosen = _chosen(watch, (args, kwargs))
    result = func(*args, **kwargs)
    if chosen and isinstance(result, Tensor):
        watch.recording.origins.set(result, WEIGHTS)
    return result
