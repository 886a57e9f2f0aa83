"""Tracks where a tensor came from while it is viewed, permuted, expanded, cast or changed.

A softmax or sigmoid is a site only if its result weighs values or multiplies a feature map. Between
the two a network may reshape freely, and some mix the heads of the softmax (talking heads); origins
connect the two ends.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor


@dataclass(eq=False, slots=True)
class Start:
    """The start of something that may become a site, and what became of it.

    what: produced by · operation: the function · became: the first function that took its result
    and is not followed further, "" if none did · alike: that function received another tensor of
    the same shape · source: what it was computed from · multiplied: it was spread over values that
    were not summed yet.
    """

    what: str
    operation: str
    module: str
    file: str
    line: int
    source: weakref.ref[Tensor] | None = None
    became: str = ""
    alike: bool = False
    seen: bool = False
    multiplied: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """What produced a tensor.

    For a softmax, `size` and `stride` identify the normalised axis through any change of view:
    views share storage, so the axis keeps its stride wherever it moves. changed: it underwent more
    than views. part: some of its keys were cut off. factor: the weights, if the tensor is their
    product with values yet to be summed. theta belongs to an affine grid. about: data of the kind
    of site (`models/kinds/gate/factor.py`). start: where it began.

    "weights", with size −1, may weigh values: query–key scores or results of an exponential, and
    elementwise functions of them. Whether they are a distribution is determined from their values.
    "nested" is a nested tensor made from a padded one of `size` tokens. "row": a linear layer made
    a few numbers for each token or place. "choice": numbers of the best key of each query.
    """

    produced_by: Literal[
        "softmax",
        "weighted",
        "weights",
        "nested",
        "affine-grid",
        "factor",
        "strip",
        "strips",
        "map",
        "row",
        "choice",
    ]
    size: int = 0
    stride: int = 0
    changed: bool = False
    part: bool = False
    factor: Tensor | None = None
    theta: Tensor | None = None
    align_corners: bool = False
    about: Any = None
    start: Start | None = None

    def axis(self, tensor: Tensor) -> int | None:
        """The axis of `tensor` that the softmax normalised, or None if a reshape has split or
        merged it.
        """
        for axis in reversed(range(tensor.ndim)):
            if tensor.shape[axis] == self.size and tensor.stride(axis) == self.stride:
                return axis
        return None

    def cut(self, tensor: Tensor) -> Origin | None:
        """The origin of a view with fewer keys; None if their axis is not found in it."""
        for axis in reversed(range(tensor.ndim)):
            if 1 < tensor.shape[axis] < self.size and tensor.stride(axis) == self.stride:
                return replace(self, size=tensor.shape[axis], changed=True, part=True)
        return None

    def along(self, tensor: Tensor, axis: int, *, changed: bool) -> Origin:
        """The origin of a tensor with its own storage, whose normalised axis is `axis`."""
        return replace(
            self,
            size=tensor.shape[axis],
            stride=tensor.stride(axis),
            changed=self.changed or changed,
        )


def axis_after_copy(before: Tensor, axis: int, after: Tensor) -> int | None:
    """Where an axis is after a copying reshape, or None if it was split or merged.

    Such a reshape keeps the order of entries, so an axis survives if the same number of entries
    follows it.
    """
    following = math.prod(before.shape[axis + 1 :])
    for candidate in reversed(range(after.ndim)):
        as_many = math.prod(after.shape[candidate + 1 :]) == following
        if as_many and after.shape[candidate] == before.shape[axis]:
            return candidate
    return None


class Origins:
    """Origins by the id of live tensors. Tracked tensors are not kept alive.

    begin: called when something begins that is to become a site or be reported; None for anything
    else. weights: tensors that may weigh values, in addition to other roles. touched: ids of
    tensors that were given an origin, while requested. judged: how many starts depend on values or
    may weigh.
    """

    def __init__(self, begin: Callable[[Origin], Start | None] = lambda _: None) -> None:
        self.known: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}
        self.weights: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}
        self.touched: list[int] | None = None
        self.judged = 0
        self._begin = begin

    def set(self, tensor: Tensor, origin: Origin) -> None:
        known = self.known
        if self.touched is not None:
            self.touched.append(id(tensor))
        self.judged += origin.produced_by in ("softmax", "weights", "weighted", "nested")
        if origin.size < 0:
            known = self.weights
        elif origin.start is None:
            of_factor = None if origin.factor is None else self.get(origin.factor)
            start = self._begin(origin) if of_factor is None else of_factor.start
            origin = origin if start is None else replace(origin, start=start)
        key = id(tensor)

        def forget(_: object) -> None:
            known.pop(key, None)

        known[key] = (weakref.ref(tensor, forget), origin)

    def in_flight(self) -> bool:
        """Whether something is under way that may become a gate or sampler."""
        return any(
            origin.produced_by in ("factor", "strip", "strips", "affine-grid")
            for _, origin in self.known.values()
        )

    def get(self, tensor: object) -> Origin | None:
        entry = self.known.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def weights_of(self, tensor: object) -> Origin | None:
        entry = self.weights.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None
