"""Positional encodings: the network's own vectors added to its tokens.

They are recognised by having no shadow, so that they do not depend on the photo or sentence
(`models/places/follow.py`), and a vector for each of several tokens with different cells. A bias,
which is equal for all tokens, and a bias on attention scores are not positional encodings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.grids import Cells, PatchGrid, Words
from fovea.models.places.follow import Follow, follow_with
from fovea.models.places.shadows import Shadow, constant, nowhere
from fovea.models.tracing.call_stack import calling_module
from fovea.models.tracing.recording import Recording

_ADDS = {
    getattr(owner, name)
    for name in ("add", "add_", "__add__", "__radd__", "__iadd__")
    for owner in (Tensor, torch)
    if hasattr(owner, name)
}


@dataclass(frozen=True, eq=False, slots=True)
class Positions:
    """Vectors added to tokens at one place in the network.

    name: of the module that added them · vectors: (token, dim) · cells: (window, token), with their
    grid; −1 for a class token, which has a vector but no position. Several windows share the
    vectors, as with the words inside each patch of a TNT · words: which sentence the tokens are
    words of; its grid then has one row. None for positions on the photo.
    """

    name: str
    vectors: Tensor
    cells: Cells
    words: Words | None = None


class _Adding(Follow):
    """Follows positions, of words too, and records what is added to tokens.

    sentences: names of the given sentences.
    """

    def __init__(self, recording: Recording, sentences: Sequence[Words]) -> None:
        super().__init__(recording)
        self.sentences = sentences
        self.found: list[Positions] = []
        self._words = PatchGrid(0, 0)

    def given(self, tensors: Sequence[Tensor], photo: Tensor | None, shadow: Shadow = None) -> None:
        """A sentence is treated as a grid with a single row."""
        super().given(tensors, photo, shadow)
        numbers = [
            tensor for tensor in tensors if tensor.ndim == 2 and not tensor.is_floating_point()
        ]
        given = list(zip(self.sentences, numbers, strict=False))
        longest = max((len(words[0]) for _, words in given), default=0)
        self._words = PatchGrid(len(given), longest)
        for row, (_, words) in enumerate(given):
            cells = row * longest + torch.arange(words.shape[1], dtype=torch.int32)
            self.cast(words, Cells(cells.unsqueeze(0), self._words))

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
        if not isinstance(shadow, Cells):
            return
        cells, window = shadow.cells, shadow.cells[0]
        shape = tuple(window.shape)
        if added.numel() != window.numel() or tuple(added.shape[-window.ndim :]) != shape:
            return
        # (token, dim) and (row, column, dim) have the vector last, (dim, row, column) first.
        if window.ndim == 3 and constant(window, 0) and not constant(window, 2):
            where, vectors = cells[:, 0].flatten(1), added.reshape(shape).flatten(1).T
        elif constant(window, window.ndim - 1) and all(
            not constant(window, axis) for axis in range(window.ndim - 1)
        ):
            where, vectors = cells[..., 0].flatten(1), added.reshape(-1, shape[-1])
        else:
            return
        if where.shape[1] < 2 or nowhere(where):
            return
        vectors = vectors.detach().float().cpu().clone()
        if not constant(vectors, 0):  # else a bias, for example a token type embedding
            self._keep(vectors, where.cpu().clone(), shadow.grid)

    def _keep(self, vectors: Tensor, where: Tensor, grid: PatchGrid) -> None:
        words = None
        if grid == self._words:
            words = self.sentences[int(where[0, 0]) // grid.columns]
            where, grid = where % grid.columns, PatchGrid(1, where.shape[1])
        # Some are added again in every layer.
        if any(one.words == words and one.vectors.equal(vectors) for one in self.found):
            return
        name = calling_module(self.recording.paths)
        self.found.append(Positions(name, vectors, Cells(where, grid), words))


def positions(
    module: nn.Module, *inputs: Any, sentences: Sequence[Words] = ()
) -> tuple[Positions, ...]:
    """The positional encodings of a network, from one pass over a photo or sentence, each once.

    inputs: as for `follow`; the photo's values do not matter · sentences: names of those inputs, in
    order, that are word ids, (1, word).
    """
    return positions_of_call(module, module, inputs, {}, sentences)


def positions_of_call(
    module: nn.Module,
    call: Callable[..., Any],
    inputs: Sequence[Any],
    named: Mapping[str, Any],
    sentences: Sequence[Words] = (),
) -> tuple[Positions, ...]:
    """The same of a call of the module, of a part of it or of one of its methods."""
    watch = partial(_Adding, sentences=sentences)
    return tuple(follow_with(watch, module, call, inputs, named).found)
