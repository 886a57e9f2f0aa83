"""From tokens to positions: which cells of the input the tokens of a site stand for.

`survey` follows the cells through one pass of a network (`models/places/follow.py`); `place` adds
the result to the sites of a trace. If all patches attend to each other the site gets a grid and a
number of prefix tokens. Windows, pyramids and queries that differ from keys keep the cells of every
token. If positions could not be followed, the site has none and says why: a matrix without
positions is correct, a map in a wrong place is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.grids import Cells, Layout, PatchGrid
from fovea.models.places.follow import NOWHERE, Followed, follow_call
from fovea.models.places.shadows import axes_of, coordinates
from fovea.models.places.sliding import Window, new_shape
from fovea.models.places.tokens import TokenPlaces
from fovea.models.records import Attention, Site, Trace


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the axes before (query, key) become (window, head).

    leading: their original sizes; windows, heads: which of them are which.
    """

    leading: tuple[int, ...]
    windows: tuple[int, ...]
    heads: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, int]:
        """(windows, heads)"""
        windows, heads = (
            math.prod(self.leading[axis] for axis in axes) for axes in (self.windows, self.heads)
        )
        return windows, heads

    def of(self, tensor: Tensor) -> Tensor:
        """(…, …, row, column) of one photo as (window, head, row, column)."""
        columns = tensor.shape[-1]
        rows = tensor.numel() // columns // math.prod(self.leading)
        apart = tensor.reshape(*self.leading, rows, columns)
        last = len(self.leading)
        ordered = apart.permute(*self.windows, *self.heads, last, last + 1)
        return ordered.reshape(*self.sizes, rows, columns)


@dataclass(frozen=True, slots=True)
class Placement:
    """The positions of an attention site, known independently of the photo.

    arrangement: set if windows and heads are not in the captured order. drawn: the token order is
    valid for one pass only.
    """

    grid: PatchGrid | None = None
    prefix_tokens: int = 0
    note: str | None = None
    layout: Layout | None = None
    arrangement: Arrangement | None = None
    suffix_tokens: int = 0
    drawn: bool = False


Layouts = tuple[Placement | None, ...]
"""One entry per site, in execution order; None for other kinds."""

_UNKNOWN = "Where its tokens are could not be followed; shown as a matrix."
_CHANNELS = "Attention of channels to channels; it has no places."
_NOWHERE = "Its tokens are not of the photo (words, queries that were learned); shown as a matrix."


DRAWN = "Its tokens are in an order that each pass draws anew; that of this pass is not known."


def _unknown(why: str) -> str:
    return (
        f"Where its tokens are could not be followed: {why}; shown as a matrix."
        if why
        else _UNKNOWN
    )


def _coarser(lines: Tensor, count: int) -> bool:
    """Whether the rows (or columns) are every n-th of a grid of `count`, from edge to edge."""
    if len(lines) == 1:
        return count == 1
    steps = lines.diff()
    step = int(steps[0])
    return bool((steps == step).all()) and int(lines[0]) < step and int(lines[-1]) + step >= count


def merged(cells: Cells) -> Cells:
    """`cells` counted in the grid that they actually fill.

    If patches were merged or tokens skipped, only every n-th row and column of the finer grid
    remains; they form a coarser grid over the same picture.
    """
    grid = cells.grid
    known = cells.cells[cells.cells != NOWHERE].unique()
    left = [lines.unique() for lines in coordinates(known, grid)]
    if not len(known) or len(known) == grid.cells or len(known) != math.prod(map(len, left)):
        return cells
    if not all(map(_coarser, left, grid.shape)):
        return cells  # a part of the picture, not a coarser grid
    number = torch.zeros_like(cells.cells, dtype=torch.int64)
    for kept, lines in zip(left, coordinates(cells.cells, grid), strict=True):
        number = number * len(kept) + torch.searchsorted(kept, lines.contiguous())
    axes = []
    for kept, axis in zip(left, axes_of(grid), strict=True):
        step = int(kept[1] - kept[0]) if len(kept) > 1 else 1
        axes.append(Window(step, step, -int(kept[0])).over(axis))
    counted = torch.where(cells.cells == NOWHERE, NOWHERE, number)
    return Cells(counted.int(), new_shape([len(kept) for kept in left], axes))


def folded_heads(cells: Tensor) -> int:
    """How often each window's row repeats consecutively: heads folded in by the network."""
    changes = (cells[1:] != cells[:-1]).any(-1)
    runs = torch.cat((torch.tensor([True]), changes)).nonzero().flatten().diff()
    if not changes.any():
        return cells.shape[0]
    run = int(runs[0])
    regular = bool((runs == run).all()) and cells.shape[0] == run * (len(runs) + 1)
    return run if regular else 1


def around(cells: Cells) -> tuple[int, int] | None:
    """(tokens before the first patch, tokens after the last one), if all patches lie between them
    in order.
    """
    if cells.cells.shape[0] != 1:
        return None
    tokens = cells.cells[0]
    known = (tokens != NOWHERE).nonzero().flatten()
    if len(known) != cells.grid.cells:
        return None
    first, last = int(known[0]), int(known[-1]) + 1
    in_order = torch.equal(tokens[first:last], torch.arange(cells.grid.cells).int())
    return (first, len(tokens) - last) if in_order else None


def _arranged(site: Site, seen: TokenPlaces) -> tuple[Layout, Arrangement | None]:
    """The layout, and how to reorder the attention by cells."""
    leading, heads, layout = seen.leading, seen.heads, seen.layout
    known = [cells for cells in (layout.keys, layout.queries) if cells is not None]
    runs = {folded_heads(cells.cells) for cells in known}
    if len(leading) == 1 and not heads and len(runs) == 1 and runs != {1}:
        run = runs.pop()
        leading, heads = (leading[0] // run, run), (1,)
        layout = replace(
            layout,
            keys=layout.keys and replace(layout.keys, cells=layout.keys.cells[::run]),
            queries=layout.queries and replace(layout.queries, cells=layout.queries.cells[::run]),
        )
    windows = tuple(axis for axis in range(len(leading)) if axis not in heads)
    arrangement = Arrangement(leading, windows, heads)
    in_order = (*windows, *heads) == tuple(range(len(leading)))
    as_captured = in_order and arrangement.sizes == site.attention.shape[:2]
    return layout, None if as_captured or not known else arrangement


def _placement(site: Site, seen: TokenPlaces | None) -> Placement:
    if seen is None:
        return Placement(note=_UNKNOWN)
    layout, arrangement = _arranged(site, seen)
    keys, queries = layout.keys and merged(layout.keys), layout.queries and merged(layout.queries)
    found = Placement(layout=replace(layout, queries=queries, keys=keys), arrangement=arrangement)
    if layout.over_channels:
        return replace(found, note=_CHANNELS)
    if keys is None:
        unplaced = layout.keys_nowhere and (layout.queries_nowhere or queries is not None)
        return replace(found, note=_NOWHERE if unplaced else _unknown(seen.why))
    placeless = around(keys)
    shared = queries is not None and torch.equal(queries.cells, keys.cells)
    if placeless is not None and (shared or site.queries == 1):
        prefix, suffix = placeless
        return replace(found, grid=keys.grid, prefix_tokens=prefix, suffix_tokens=suffix)
    windows = keys.cells.shape[0]
    if queries is None and layout.queries_nowhere:
        note = f"{site.queries} queries without places look at {keys.grid.cells} patches."
    elif queries is None:
        note = "Where its queries are could not be followed; where its keys are is known."
    elif shared and windows == 1 and len(keys.cells[keys.cells >= 0].unique()) < keys.grid.cells:
        note = "Some of the patches attend to each other; the others are elsewhere or were dropped."
    elif shared and windows == 1:
        note = "All its patches attend to each other, in an order of the network's own."
    elif windows > 1:
        note = f"Attention within {windows} windows."
    elif queries.grid == keys.grid:
        asking = len(queries.cells[queries.cells >= 0].unique())
        answering = len(keys.cells[keys.cells >= 0].unique())
        note = f"{asking} of the {keys.grid.cells} patches look at {answering} of them."
    else:
        size = "larger" if keys.grid.cells < queries.grid.cells else "smaller"
        note = f"{queries.grid.cells} patches look at {keys.grid.cells} {size} ones."
    return replace(found, note=note)


def survey(module: nn.Module, *inputs: Any, **named: Any) -> Layouts:
    """The token positions of a network's attention sites, from one pass over any photo.

    inputs, named: the module's arguments, including the photo (1, channel, height, width) at the
    size to be used; running/tasks.py surveys networks that write words.
    """
    with torch.inference_mode():
        return layouts_of(follow_call(module, module, inputs, named))


def layouts_of(followed: Followed) -> Layouts:
    """The positions of every site of a followed pass."""
    return tuple(
        replace(_placement(site, seen), drawn=followed.drawn) if site.attends else None
        for site, seen in zip(followed.trace.sites, followed.seen, strict=True)
    )


def with_words_of(place: Placement | None, known: Placement | None) -> Placement | None:
    """`place` with the words of `known`: a sentence has no cells, so none of it is drawn."""
    words = None if known is None else known.layout
    if place is None or words is None or not (words.query_words or words.key_words):
        return place
    found = place.layout or Layout(None, None)
    keys = None if words.key_words else found.keys
    layout = replace(
        found,
        queries=None if words.query_words else found.queries,
        keys=keys,
        query_words=words.query_words,
        key_words=words.key_words,
    )
    prefix, suffix = (around(keys) if keys else None) or (0, 0)
    return Placement(layout=layout, prefix_tokens=prefix, suffix_tokens=suffix, drawn=place.drawn)


def are_drawn(layouts: Layouts) -> bool:
    """Whether these positions are valid for one pass only."""
    return any(known is not None and known.drawn for known in layouts)


def _with_arrangement(attention: Attention, arrangement: Arrangement, photos: int) -> Attention:
    batch, heads, *_ = attention.shape
    parts: dict[str, Any] = {}
    for name in attention.__dataclass_fields__:
        tensor = getattr(attention, name)
        if not isinstance(tensor, Tensor):
            continue
        if name == "mask":
            if tensor.shape[:2] == (1, 1):
                continue  # shared by all photos
            tensor = tensor.expand(batch, heads, -1, -1)
        parts[name] = torch.cat([arrangement.of(part) for part in tensor.chunk(photos)])
    return replace(attention, **parts)


def _place_attention(site: Site, placement: Placement, photos: int) -> Site:
    attention, arrangement = site.attention, placement.arrangement
    if arrangement is not None:
        share, rest = divmod(attention.shape[0], photos)
        photos = photos if share and not rest else 1  # otherwise shared by all photos
        whole = math.prod(attention.shape[:3]) // photos % math.prod(arrangement.sizes) == 0
        if whole:
            tensors = _with_arrangement(attention, arrangement, photos)
            site = replace(site, tensors=tensors)
    return replace(
        site,
        grid=placement.grid,
        prefix_tokens=placement.prefix_tokens,
        suffix_tokens=placement.suffix_tokens,
        note=" ".join(filter(None, (site.note, placement.note))) or None,
        layout=placement.layout,
    )


def place(trace: Trace, layouts: Layouts, photos: int = 1) -> Trace:
    """`trace` with the positions of each site filled in.

    layouts: from `survey` for the same network and input size. photos: batch size of the trace; the
    positions are those of each photo.
    """
    sites = []
    for index, site in enumerate(trace.sites):
        if isinstance(site.tensors, Attention):
            known = layouts[index] if index < len(layouts) else None
            site = _place_attention(site, known or Placement(note=_UNKNOWN), photos)
        elif (size := site.tensors.map_size) is not None:
            site = replace(site, grid=PatchGrid(*size))
        sites.append(site)
    return Trace(tuple(sites), trace.unseen)
