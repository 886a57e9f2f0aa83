"""Remembering where a tensor came from while it is viewed, permuted, expanded, cast or changed.

A softmax or a sigmoid is only a site if its *result* goes on to weigh values or to multiply a
feature map. Between the two a network reshapes freely, and some mix the heads of the softmax
(talking heads); this is the thread that connects them.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Origin:
    """What produced a tensor.

    For a softmax, `size` and `stride` identify the normalised axis through any change of view:
    views share storage, so the axis keeps its stride wherever it moves. changed: more than views
    happened to it since. factor: the softmax, where the tensor is its product with values that
    are still to be summed. theta belongs to an affine grid. about: what a kind of site notes for
    itself (`models/kinds/gate/factor.py`).
    """

    produced_by: Literal["softmax", "weighted", "affine-grid", "factor", "strip", "strips", "map"]
    size: int = 0
    stride: int = 0
    changed: bool = False
    factor: Tensor | None = None
    theta: Tensor | None = None
    align_corners: bool = False
    about: Any = None

    def axis(self, tensor: Tensor) -> int | None:
        """The axis of `tensor` that the softmax normalised, or None where a reshape has broken it
        up.
        """
        for axis in reversed(range(tensor.ndim)):
            if tensor.shape[axis] == self.size and tensor.stride(axis) == self.stride:
                return axis
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
    """Origins by the identity of live tensors. Holds no tensor alive that is looked for here."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}

    def set(self, tensor: Tensor, origin: Origin) -> None:
        key, known = id(tensor), self.known

        def forget(_: object) -> None:
            known.pop(key, None)

        known[key] = (weakref.ref(tensor, forget), origin)

    def get(self, tensor: object) -> Origin | None:
        entry = self.known.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None
