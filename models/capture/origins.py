"""Remembering where a tensor came from while it is viewed, permuted, expanded or cast.

A softmax or a sigmoid is only a site if its *result* goes on to weigh values or to multiply a
feature map. Between the two a network reshapes freely; this is the thread that connects them.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Origin:
    """What produced a tensor.

    For a softmax, `size` and `stride` identify the normalised axis through any change of view:
    views share storage, so the axis keeps its stride wherever it moves. theta belongs to an
    affine grid.
    """

    produced_by: Literal["softmax", "sigmoid", "affine-grid"]
    size: int = 0
    stride: int = 0
    theta: Tensor | None = None
    align_corners: bool = False

    def axis(self, tensor: Tensor) -> int | None:
        """The axis of `tensor` that the softmax normalised, or None where a reshape has broken it
        up.
        """
        for axis in reversed(range(tensor.ndim)):
            if tensor.shape[axis] == self.size and tensor.stride(axis) == self.stride:
                return axis
        return None


class Origins:
    """Origins by the identity of live tensors. Holds no tensor alive."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def set(self, tensor: Tensor, origin: Origin) -> None:
        key, known = id(tensor), self._known

        def forget(_: object) -> None:
            known.pop(key, None)

        known[key] = (weakref.ref(tensor, forget), origin)

    def get(self, tensor: object) -> Origin | None:
        entry = self._known.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None
