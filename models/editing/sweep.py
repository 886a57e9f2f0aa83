"""The edits of a sweep: one for each part of a network.

The effect of a part on a class is the class logit of the whole network minus the logit without that
part. Patches of a photo are hidden one block at a time (Zeiler & Fergus 2014, section 4.2,
occlusion).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from fovea.models.edits import Edit, RefusedEdit, off, open_gate, shut, skip
from fovea.models.grids import PatchGrid
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.records import Site, Trace

Over = Literal["heads", "layers", "channels", "patches"]
OVERS: tuple[str, ...] = get_args(Over)


@dataclass(frozen=True, slots=True)
class Part:
    """place: index in the result · edit: what removes the part · kind: which result it
    belongs to.
    """

    place: tuple[int, ...]
    edit: Edit
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """axes, shape: of the result, NaN where a part does not exist · sites: the swept ones."""

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    parts: tuple[Part, ...]
    sites: tuple[Site, ...]


def parts_of(trace: Trace, over: Over, site: str | None = None) -> Sweep:
    """The parts of a network, each with the edit that removes it; of one site if given.

    heads: `off` → (layer, head) · layers: `skip` → (layer,) · channels of gates: `shut` and, with
    kind "open", `open` → (site, channel). Raises RefusedEdit if there are none, also for a given
    site; UnknownSite. Patches are not parts of the network: see `blocks`.
    """
    wanted = "gate" if over == "channels" else "attention"
    named = (trace.site(site),) if site is not None else trace.sites
    sites = tuple(one for one in named if _has(one, over, wanted))
    if not sites:
        what = "channels of a gate" if over == "channels" else f"attention with {over}"
        whose = f"Site {site} has no" if site is not None else "This network has no"
        able = [one.id for one in trace.sites if _has(one, over, wanted)]
        raise RefusedEdit(
            f"{whose} {what}.", f"These sites have: {', '.join(able)}." if able else ""
        )
    if over == "layers":
        skips = tuple(Part((row,), skip(one.id)) for row, one in enumerate(sites))
        return Sweep(("layer",), (len(sites),), skips, sites)
    if over == "heads":
        heads = [one.heads or 0 for one in sites]
        parts = tuple(
            Part((row, head), off(one.id, [head]))
            for row, one in enumerate(sites)
            for head in range(heads[row])
        )
        return Sweep(("layer", "head"), (len(sites), max(heads)), parts, sites)
    channels = [one.channels or 0 for one in sites]
    parts = tuple(
        Part((row, channel), make(one.id, channels=[channel]), kind)
        for kind, make in (("", shut), ("open", open_gate))
        for row, one in enumerate(sites)
        for channel in range(channels[row])
    )
    return Sweep(("site", "channel"), (len(sites), max(channels)), parts, sites)


def _has(site: Site, over: Over, wanted: str) -> bool:
    kind = SITE_KINDS[site.kind]
    if kind.edited_as != wanted:
        return False
    return over != "channels" or (kind.channel_factors and bool(site.channels))


def blocks(grid: PatchGrid, block: int = 1, stride: int | None = None) -> list[Tensor]:
    """The blocks of cells to hide one at a time: bool (row, column) each.

    block: cells in each direction, clipped at the border · stride: step between blocks, default
    block. Raises ValueError if they leave cells out or exceed the grid.
    """
    stride = block if stride is None else stride
    if not 1 <= block <= max(grid.rows, grid.columns):
        raise ValueError(
            f"block={block} is no number of cells of a grid of {grid.rows} × {grid.columns}"
        )
    if not 1 <= stride <= block:
        raise ValueError(f"stride={stride} leaves cells out; valid: 1 to {block}")
    return list(_blocks(grid, block, stride))


def _blocks(grid: PatchGrid, block: int, stride: int) -> Iterator[Tensor]:
    def starts(cells: int) -> Iterator[int]:
        for start in range(0, cells, stride):
            yield start
            if start + block >= cells:
                return

    for top in starts(grid.rows):
        for left in starts(grid.columns):
            hidden = torch.zeros(grid.rows, grid.columns, dtype=torch.bool)
            hidden[top : top + block, left : left + block] = True
            yield hidden


def spread_over(hidden: Sequence[Tensor], effects: Tensor) -> Tensor:
    """The effect of each cell, (row, column): the mean over the blocks that cover it.

    effects: (block,), in the order of `blocks`.
    """
    masks = torch.stack(list(hidden)).double()
    return (masks * effects.double()[:, None, None]).sum(0) / masks.sum(0)
