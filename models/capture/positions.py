"""Positional encodings: vectors of the network's own that are added to the tokens of a photo.

What is added is recognised by what it is not: it has no shadow, so nothing of the photo is in it
(`models/capture/places.py`), and it has a vector for each of the tokens, whose cells differ. A
bias, which is the same everywhere, and one that is added to a matrix of scores are none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.capture.callers import calling_module
from models.capture.places import Follow, follow_with
from models.capture.shadows import NOWHERE, Shadow, constant, thin
from models.records import Cells

_ADDS = {
    getattr(owner, name)
    for name in ("add", "add_", "__add__", "__radd__", "__iadd__")
    for owner in (Tensor, torch)
    if hasattr(owner, name)
}


@dataclass(frozen=True, eq=False, slots=True)
class Positions:
    """What was added to the tokens of one place in the network.

    name: the module that added it · vectors: (token, dim) · cells: (token,), with their grid; −1
    for a class token, which has a vector but no place.
    """

    name: str
    vectors: Tensor
    cells: Cells


class _Adding(Follow):
    """Follows the places, and notes what is added where they differ."""

    found: list[Positions]

    def _follow(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        before: list[Shadow],
        within: list[Shadow],
        result: Any,
    ) -> None:
        if func in _ADDS and len(args) == 2:
            for tokens, added in ((0, 1), (1, 0)):
                if before[added] is None and isinstance(args[added], Tensor):
                    self._note(before[tokens], args[added])
        super()._follow(func, args, kwargs, before, within, result)

    def _note(self, shadow: Shadow, added: Tensor) -> None:
        if not isinstance(shadow, Cells) or shadow.cells.shape[0] != 1:
            return
        cells = shadow.cells[0]
        shape = tuple(cells.shape)
        if added.numel() != cells.numel() or tuple(added.shape[-cells.ndim :]) != shape:
            return
        # (token, dim) and (row, column, dim) have a vector at the end, (dim, row, column) first.
        if cells.ndim == 3 and constant(cells, 0) and not constant(cells, 2):
            where, vectors = cells[0].flatten(), added.reshape(shape).flatten(1).T
        elif constant(cells, cells.ndim - 1) and all(
            not constant(cells, axis) for axis in range(cells.ndim - 1)
        ):
            where, vectors = cells[..., 0].flatten(), added.reshape(-1, shape[-1])
        else:
            return
        if len(where) < 2 or bool((thin(where) == NOWHERE).all()):
            return
        vectors = vectors.detach().float().cpu().clone()
        if any(known.vectors.equal(vectors) for known in self.found):
            return  # added anew in every layer
        name = calling_module(self.recording.paths)
        self.found.append(Positions(name, vectors, Cells(where.cpu().clone(), shadow.grid)))


def positions(module: nn.Module, *inputs: Any) -> tuple[Positions, ...]:
    """The positional encodings that one pass over one photo adds, each once.

    inputs: as for `follow`; the values of the photo do not matter.
    """
    found: list[Positions] = []

    def watch(recording: Any) -> _Adding:
        adding = _Adding(recording)
        adding.found = found
        return adding

    follow_with(watch, module, *inputs)
    return tuple(found)
