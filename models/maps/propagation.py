"""Propagates a row through the layers: shared by rollout, gradient rollout and relevance.

Each is a product of N×N matrices of which only the class token's row is needed. So a row is
propagated from the last layer to the first, r ← r·M_l, and M_l is computed one block of rows at a
time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import rows
from fovea.models.records import Attention, Map, Site, Trace

Blocks = Iterable[tuple[Tensor, Tensor]]
"""Iterates over all queries: (query indices, their rows (query, key) of a fused non-negative
matrix).
"""


NOTHING = Attention()


class NotPossible(ValueError):
    """This trace does not support the map; the message says why.

    key, parameters: for translation.
    """

    key = "not-possible"

    def __init__(self, message: str, key: str | None = None, **parameters: object) -> None:
        super().__init__(message)
        self.key = key or type(self).key
        self.parameters = parameters


class NoChain(NotPossible):
    """The trace has no chain of self-attention over the same tokens."""

    key = "no-chain"


class NoClassToken(NotPossible):
    """The map needs the class token's row, but the network has no class token."""

    key = "no-class-token"

    def __init__(self) -> None:
        super().__init__("it reads the class token's row; there is no class token")


class NotLearned(NotPossible):
    """The trace alone cannot tell whether the network supports the map."""

    key = "not-learned"

    def __init__(self) -> None:
        super().__init__("only further passes of the network tell whether it can have that")


def chain(trace: Trace) -> tuple[Site, ...]:
    """The self-attention sites over the same tokens as the last one, in execution order.

    Raises NoChain if there is none, or if patches also exchange information in layers outside it,
    as in windows or earlier stages of a pyramid: the product of the layers would then be
    incomplete.
    """
    square = [s for s in trace.sites if s.attends and s.queries == s.keys and s.grid]
    if not square:
        raise NoChain("it needs self-attention over the patches of the photo; there is none")
    last = square[-1]
    tokens = last.keys, last.grid
    found = tuple(s for s in square if (s.keys, s.grid) == tokens)
    inside = {s.id for s in found}
    others = [s for s in trace.sites if s.id not in inside and _mixes_patches(s, last)]
    if others:
        layers = sum(_is_placed(site) for site in trace.sites)
        raise NoChain(
            f"it needs self-attention over all patches in every layer; only {len(found)} of "
            f"{layers} layers have that, the others see windows, another grid or other tokens",
            "partial-chain",
            chain=len(found),
            layers=layers,
        )
    return found


def _is_placed(site: Site) -> bool:
    """Whether the site is known to be attention between patches."""
    layout = site.layout
    known = layout is not None and layout.queries is not None and layout.keys is not None
    return site.attends and (site.grid is not None or known)


def _mixes_patches(site: Site, last: Site) -> bool:
    """Whether an attention outside the chain moves information between patches of it."""
    layout = site.layout
    if not site.attends or last.grid is None:
        return False
    if site.grid is not None and (site.queries == site.keys or layout is None):
        return True
    if layout is None or layout.queries is None or layout.keys is None:
        return False
    cells, own = layout.keys.cells.long(), layout.keys.grid
    row = cells // own.columns * last.grid.rows // own.rows
    column = cells % own.columns * last.grid.columns // own.columns
    patch = row * last.grid.columns + column
    placed = cells >= 0
    lowest = patch.masked_fill(~placed, last.grid.cells).amin(-1)
    highest = patch.masked_fill(~placed, -1).amax(-1)
    # Windows that lie within one patch each (as in TNT) move nothing out of it.
    return bool((highest > lowest).any()) and bool((layout.queries.cells >= 0).any())


def writes(site: Site) -> bool:
    """Whether the first token can only attend to itself, as in an autoregressive network; the map
    then starts from the words after the patches.
    """
    if not site.prefix_tokens or not site.suffix_tokens:
        return False
    first = rows(site.attention, torch.zeros(1, dtype=torch.long))[:, 0, 1:]
    return not bool(first.any())


def start_row(site: Site) -> Tensor:
    """(token,): one on the class token; without a class token, equal shares of all patches. For an
    autoregressive network, whose first token can only attend to itself, one on the last token.
    """
    attention = site.attention
    held = attention.query if attention.probabilities is None else attention.probabilities
    assert held is not None
    row = torch.zeros(attention.shape[3], device=held.device)
    if writes(site):
        row[-1] = 1.0
    elif site.prefix_tokens:
        row[0] = 1.0
    else:
        patches = len(row) - site.suffix_tokens
        row[:patches] = 1 / patches
    return row


def propagate(row: Tensor, blocks: Blocks, *, normalised: bool) -> Tensor:
    """row·rownorm(F + I) if normalised, else row·(F + I): (token,) → (token,)."""
    result = torch.zeros_like(row)
    for queries, fused in blocks:
        weight = row[queries] / (fused.sum(-1) + 1) if normalised else row[queries]
        result += weight @ fused
        result[queries] += weight
    return result


class ClassRow:
    """The class token's row on its way from the last layer to the first, one layer at a time.

    A layer may be freed once it was passed: nothing of it is kept.
    """

    def __init__(self, blocks_of: Callable[[Attention], Blocks], *, normalised: bool) -> None:
        self._blocks_of, self._normalised = blocks_of, normalised
        self._row: Tensor | None = None
        self._last: Site | None = None
        self._start = "the mean over all patches"
        self.layers = 0

    def through(self, site: Site) -> None:
        """Applies one layer, starting with the last. The site has a grid and its gradients."""
        if self._row is None:
            self._row, self._last = start_row(site), replace(site, tensors=NOTHING)
            if writes(site):
                self._start = "the last token"
            elif site.prefix_tokens:
                self._start = "the class token"
        blocks = self._blocks_of(site.attention)
        self._row = propagate(self._row, blocks, normalised=self._normalised)
        self.layers += 1

    def map(self, name: str) -> Map:
        """The current row over the patches: values (row, column)."""
        last, row = self._last, self._row
        if last is None or row is None or last.grid is None:
            raise NoChain("no layer of it has been passed")
        start = self._start
        values, prefix = last.on_grid(row)
        return Map(
            values=values,
            axes=last.grid.axis_names,
            prefix=prefix,
            sentence=f"{name} of {start} through {self.layers} layers",
            grid=last.grid,
        )


def class_map(
    trace: Trace, blocks_of: Callable[[Attention], Blocks], *, normalised: bool, name: str
) -> Map:
    """The class token's row through all layers as a Map over the patches: values (row, column)."""
    row = ClassRow(blocks_of, normalised=normalised)
    for site in reversed(chain(trace)):
        row.through(site)
    return row.map(name)
