"""From tokens to places: which cells of the network's input the tokens of a site stand for.

`survey` follows the cells through one pass of a network (`models/capture/places.py`); `place` puts
what it found onto the sites of a trace. Where all patches attend to each other the site gets a grid
and a number of prefix tokens. Windows, pyramids and queries that are not keys keep the cells of
every token. What could not be followed keeps neither and says why: a matrix without places is
honest, a map in a wrong place is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from models.capture.places import NOWHERE, follow
from models.records import Attention, Cells, Gate, Layout, PatchGrid, Site, Trace


@dataclass(frozen=True, slots=True)
class Placement:
    """What is known of an attention site before any photo is seen.

    folded_heads: how many heads the network folds into the batch axis at this site; 1 for none.
    """

    grid: PatchGrid | None = None
    prefix_tokens: int = 0
    note: str | None = None
    layout: Layout | None = None
    folded_heads: int = 1


Layouts = tuple[Placement | None, ...]
"""One entry a site, in order of execution; None for what is no attention."""

_UNKNOWN = Placement(note="Where its tokens are could not be followed; shown as a matrix.")
_CHANNELS = "Attention of channels to channels; it has no places."


def merged(cells: Cells) -> Cells:
    """`cells` counted in the grid that they really fill.

    Where patches were merged, or tokens skipped, only every n-th row and column of the finer grid
    is left; those are the rows and columns of a coarser one over the same picture.
    """
    known = cells.cells[cells.cells != NOWHERE].unique()
    rows = (known // cells.grid.columns).unique()
    columns = (known % cells.grid.columns).unique()
    if not len(known) or len(known) == cells.grid.cells or len(known) != len(rows) * len(columns):
        return cells
    row = torch.searchsorted(rows, cells.cells // cells.grid.columns)
    column = torch.searchsorted(columns, cells.cells % cells.grid.columns)
    counted = torch.where(cells.cells == NOWHERE, NOWHERE, row * len(columns) + column)
    return Cells(counted.int(), PatchGrid(len(rows), len(columns)))


def folded_heads(cells: Tensor) -> int:
    """How often each window's row is repeated in succession: heads that the network folded in."""
    changes = (cells[1:] != cells[:-1]).any(-1)
    runs = torch.cat((torch.tensor([True]), changes)).nonzero().flatten().diff()
    if not changes.any():
        return cells.shape[0]
    run = int(runs[0])
    regular = bool((runs == run).all()) and cells.shape[0] == run * (len(runs) + 1)
    return run if regular else 1


def prefix_of(cells: Cells) -> int | None:
    """The number of tokens before the first patch, if after them all patches follow in order."""
    if cells.cells.shape[0] != 1:
        return None
    tokens = cells.cells[0]
    prefix = len(tokens) - cells.grid.cells
    if prefix < 0 or not (tokens[:prefix] == NOWHERE).all():
        return None
    return prefix if torch.equal(tokens[prefix:], torch.arange(cells.grid.cells).int()) else None


def _with_heads(site: Site, heads: int) -> Site:
    """The site with heads that were folded into its batch axis as heads again."""
    attention = site.attention
    if attention.probabilities is None or attention.shape[1] != 1:
        return site
    parts = {
        name: tensor[:, 0].unflatten(0, (-1, heads))
        for name in ("probabilities", "probabilities_gradient")
        if (tensor := getattr(attention, name)) is not None
    }
    return replace(site, tensors=replace(attention, **parts))


def _placement(site: Site, layout: Layout | None) -> Placement:
    if layout is None:
        return _UNKNOWN
    if layout.over_channels:
        return Placement(layout=layout, note=_CHANNELS)
    if layout.keys is None:
        return _UNKNOWN
    keys, queries = merged(layout.keys), layout.queries and merged(layout.queries)
    heads = folded_heads(keys.cells) if site.attention.shape[1] == 1 else 1
    keys = replace(keys, cells=keys.cells[::heads])
    queries = queries and replace(queries, cells=queries.cells[::heads])
    found = Placement(layout=Layout(queries, keys), folded_heads=heads)
    prefix = prefix_of(keys)
    shared = queries is not None and torch.equal(queries.cells, keys.cells)
    if prefix is not None and (shared or site.queries == 1):
        return replace(found, grid=keys.grid, prefix_tokens=prefix)
    windows = keys.cells.shape[0]
    if windows > 1:
        note = f"Attention within {windows} windows."
    elif queries is None:
        note = f"{site.queries} queries without places look at {keys.grid.cells} patches."
    else:
        note = f"{queries.grid.cells} patches look at {keys.grid.cells} larger ones."
    return replace(found, note=note)


def survey(module: nn.Module, *inputs: Any, **named: Any) -> Layouts:
    """Where the tokens of a network's attention sites are, from one pass over any photo.

    inputs, named: what the module is called with, the photo (1, channel, height, width) among it
    and of the size that the network will be given; `models/tasks.py` surveys networks that write
    words, with their words.
    """
    trace, layouts = follow(module, *inputs, **named)
    return tuple(
        _placement(site, layout) if site.kind == "attention" else None
        for site, layout in zip(trace.sites, layouts, strict=True)
    )


def _place_attention(site: Site, placement: Placement) -> Site:
    if placement.folded_heads > 1:
        site = _with_heads(site, placement.folded_heads)
    return replace(
        site,
        grid=placement.grid,
        prefix_tokens=placement.prefix_tokens,
        note=placement.note,
        layout=placement.layout,
    )


def _place_gate(site: Site, gate: Gate) -> Site:
    map_with_places = gate.values if site.kind == "spatial-gate" else gate.features
    if map_with_places is None:
        return site
    return replace(site, grid=PatchGrid(*map_with_places.shape[2:]))


def place(trace: Trace, layouts: Layouts) -> Trace:
    """`trace` of one photo with the places of each site filled in.

    layouts: what `survey` found for the same network at the same input size.
    """
    sites = []
    for index, site in enumerate(trace.sites):
        if isinstance(site.tensors, Attention):
            known = layouts[index] if index < len(layouts) else None
            site = _place_attention(site, known or _UNKNOWN)
        elif isinstance(site.tensors, Gate):
            site = _place_gate(site, site.tensors)
        sites.append(site)
    return Trace(tuple(sites))
