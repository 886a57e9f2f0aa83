"""Tensors that do not depend on the photo: parameters, buffers, ranges, and their combinations.

A factor of this kind is a learned scale and not a gate; such a sampling grid resizes and selects
nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


class Constants:
    """The tensors of one pass known to be the same for every photo, by id.

    Buffers are referenced until the recording ends, so that a replaced buffer's id is not reused.
    Those of batch norms are skipped: nothing else reads them. Other tensors are not kept alive.
    """

    def __init__(self, parts: Iterable[nn.Module]) -> None:
        self.known: dict[int, Any] = {}
        self.touched: list[int] | None = None
        for module in parts:
            if module._buffers and "running_mean" not in module._buffers:
                for buffer in module._buffers.values():
                    if buffer is not None:
                        self.known[id(buffer)] = buffer

    def holds(self, value: object) -> bool:
        """Whether a tensor is known to be constant."""
        if isinstance(value, nn.Parameter) or id(value) in self.known:
            return True
        return isinstance(value, Tensor) and isinstance(value._base, nn.Parameter)

    def add(self, tensor: Tensor) -> None:
        """Marks a tensor as constant while it lives."""
        key, known = id(tensor), self.known
        if self.touched is not None:
            self.touched.append(key)
        known[key] = weakref.ref(tensor, lambda _: known.pop(key, None))

    def follow(self, args: Iterable[Any], kwargs: dict[str, Any], result: Any) -> None:
        """Updates the constants after a call whose first argument is constant."""
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if all(map(self.holds, given)):
            for one in made:
                self.add(one)
        elif not made or any(one is given[0] for one in made):
            if self.touched is not None:
                self.touched.append(id(given[0]))
            self.known.pop(id(given[0]), None)  # a non-constant value was written into it
