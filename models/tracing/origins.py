"""Remembering where a tensor came from while it is viewed, permuted, expanded, cast or changed.

A softmax or a sigmoid is only a site if its *result* goes on to weigh values or to multiply a
feature map. Between the two a network reshapes freely, and some mix the heads of the softmax
(talking heads); this is the thread that connects them.
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
    """Where something began that may become a site, and what became of it.

    what: produced by · operation: the function · became: the first function that took its result
    and is not followed further, "" if none did · alike: that function was given another tensor of
    its shape · source: what it was computed from · multiplied: it was spread over values, which
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
    views share storage, so the axis keeps its stride wherever it moves. changed: more than views
    happened to it since. part: some of its keys were cut off. factor: the weights, where the tensor
    is their product with values that are still to be summed. theta belongs to an affine grid.
    about: what a kind of site notes for itself (`models/kinds/gate/factor.py`). start: where it
    began.

    "weights", whose size is −1, may weigh values: scores of queries and keys, or what an
    exponential gave, with what was made of them entry by entry. Whether they are a distribution is
    told by their values.
    "nested" is a nested tensor made of a padded one, of `size` tokens. "row" is what a linear layer
    made of few numbers for each token or place; "choice" numbers the best key of each query.
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
        """The axis of `tensor` that the softmax normalised, or None where a reshape has broken it
        up.
        """
        for axis in reversed(range(tensor.ndim)):
            if tensor.shape[axis] == self.size and tensor.stride(axis) == self.stride:
                return axis
        return None

    def cut(self, tensor: Tensor) -> Origin | None:
        """The same of a view with fewer keys; None where their axis is not found in it."""
        for axis in reversed(range(tensor.ndim)):
            if 1 < tensor.shape[axis] < self.size and tensor.stride(axis) == self.stride:
                return replace(self, size=tensor.shape[axis], changed=True, part=True)
        return None

    def along(self, tensor: Tensor, axis: int, *, changed: bool) -> Origin:
        """The same of a tensor with storage of its own, whose normalised axis is `axis`."""
        return replace(
            self,
            size=tensor.shape[axis],
            stride=tensor.stride(axis),
            changed=self.changed or changed,
        )


def axis_after_copy(before: Tensor, axis: int, after: Tensor) -> int | None:
    """Where an axis is after a reshape that had to copy, or None where it was broken up.

    Such a reshape keeps the order of entries, so an axis survives if as many follow it as before.
    """
    following = math.prod(before.shape[axis + 1 :])
    for candidate in reversed(range(after.ndim)):
        as_many = math.prod(after.shape[candidate + 1 :]) == following
        if as_many and after.shape[candidate] == before.shape[axis]:
            return candidate
    return None


class Origins:
    """Origins by the identity of live tensors. Holds no tensor alive that is looked for here.

    begin: called where something begins that is to become a site, or to be named; None for what is
    neither. weights: what may weigh values, beside whatever else a tensor is. touched: the
    identities of what was given an origin, while that is asked for. judged: how often something
    began that values decide about, or that may weigh.
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
        """Whether something is under way that may become a gate or a sampler."""
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
