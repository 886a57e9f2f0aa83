"""A row carried through the layers: what rollout, gradient rollout and relevance share.

Each of them is a product of N×N matrices of which only the class token's row is wanted. So a row is
propagated from the last layer to the first, r ← r·M_l, and M_l is made a block of rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from fovea.models.records import Attention, Map, Site, Trace

Blocks = Iterable[tuple[Tensor, Tensor]]
"""(query indices, their rows (query, key) of a fused non-negative matrix), all queries in turn."""


NOTHING = Attention()


class NotPossible(ValueError):
    """This trace cannot have that map; the message says why."""


class NoChain(NotPossible):
    """The trace has no chain of self-attention over the same tokens."""


class NoClassToken(NotPossible):
    """The map reads the class token's row, and the network has no class token."""


def chain(trace: Trace) -> tuple[Site, ...]:
    """The self-attention sites that share the tokens of the last one, in order of execution."""
    square = [s for s in trace.sites if s.attends and s.queries == s.keys and s.grid]
    if not square:
        raise NoChain("it needs self-attention over the patches of the photo; there is none")
    last = square[-1]
    return tuple(s for s in square if (s.keys, s.grid) == (last.keys, last.grid))


def start_row(site: Site) -> Tensor:
    """(token,): one on the class token; without one, equal shares of all patches."""
    attention = site.attention
    held = attention.query if attention.probabilities is None else attention.probabilities
    assert held is not None
    row = torch.zeros(attention.shape[3], device=held.device)
    if site.prefix_tokens:
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
    """The class token's row on its way from the last layer to the first, a layer at a time.

    A layer may be let go as soon as it was passed: nothing of it is kept.
    """

    def __init__(self, blocks_of: Callable[[Attention], Blocks], *, normalised: bool) -> None:
        self._blocks_of, self._normalised = blocks_of, normalised
        self._row: Tensor | None = None
        self._last: Site | None = None
        self.layers = 0

    def through(self, site: Site) -> None:
        """Pass one layer; the last one comes first. The site has a grid and its gradients."""
        if self._row is None:
            self._row, self._last = start_row(site), replace(site, tensors=NOTHING)
        blocks = self._blocks_of(site.attention)
        self._row = propagate(self._row, blocks, normalised=self._normalised)
        self.layers += 1

    def map(self, name: str) -> Map:
        """What has arrived, over the patches: values (row, column)."""
        last, row = self._last, self._row
        if last is None or row is None or last.grid is None:
            raise NoChain("no layer of it has been passed")
        start = "the class token" if last.prefix_tokens else "the mean over all patches"
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
