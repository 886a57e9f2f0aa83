"""A row, a column or the whole matrix of one attention, placed on the photo if possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from fovea.models.grids import Cells
from fovea.models.kinds.attention.rows import columns, fuse, rows
from fovea.models.kinds.attention.windows import looked_at_by, looks_at
from fovea.models.methods.base import Made
from fovea.models.methods.making.queries import (
    Direction,
    cells_of,
    default_query,
    head_words,
    one_window,
    parse_head,
    parse_query,
    placed_query,
    windows,
    word_labels,
)
from fovea.models.records import Map, Site
from fovea.models.running.tasks import Sentence


def attended(
    site: Site,
    query: str | None,
    direction: Direction,
    head: str,
    window: int | None,
    sentence: Sentence | None = None,
) -> Made:
    """A row ("from": what one token attends to), a column ("to": what attends to it) or the whole
    matrix.

    query: `cls`, `row,col`, `all` or the number of a token. Raises BadOption.
    """
    if window is None and (cell := placed_query(site, query, direction)):
        return _of_cell(site, cell, direction, head)
    held = one_window(site, window)
    _, heads, queries, keys = held.shape
    count = queries if direction == "from" else keys
    asked = parse_query(query, site, count, direction, sentence)
    fusion = parse_head(head, heads)
    where = f"Layer {site.layer}, {head_words(fusion)}"
    with torch.inference_mode():
        if asked.token is None:
            matrix = fuse(rows(held), fusion)
            matrix = matrix if direction == "from" else matrix.transpose(-1, -2)
            axes = ("query", "key") if direction == "from" else ("key", "query")
            verb = "looks at" if direction == "from" else "is looked at by"
            found = Map(matrix, axes, None, f"{where}: what each token {verb}")
        else:
            pick = rows if direction == "from" else columns
            line = fuse(pick(held, torch.tensor([asked.token]))[:, 0], fusion)
            told = (
                f"{where}: what {asked.words} looks at"
                if direction == "from"
                else f"{where}: what looks at {asked.words}"
            )
            found = placed(line, site, "key" if direction == "from" else "query", told)
    about: dict[str, Any] = {
        "site": site.id,
        "query": query or default_query(site, direction),
        "direction": direction,
    }
    named = dict(zip(("query", "key"), word_labels(site, sentence), strict=True))
    labels = {axis: named[axis] for axis in found.axes if named.get(axis)}
    about |= {"labels": labels} if labels else {}
    with_heads = found.axes if fusion != "all" else ("head", *found.axes)
    return Made(replace(found, axes=with_heads), {**about, "head": head})


def _of_cell(site: Site, cell: tuple[int, int], direction: Direction, head: str) -> Made:
    """A cell's row or column if tokens are in windows, or queries on another grid than keys."""
    assert site.layout is not None
    fusion = parse_head(head, site.heads or 1)
    look = looks_at if direction == "from" else looked_at_by
    with torch.inference_mode():
        values = fuse(look(site.attention, site.layout, *cell), fusion)
    verb = "looks at" if direction == "from" else "is looked at by"
    row, column = cell
    answered = site.layout.keys if direction == "from" else site.layout.queries
    found = Map(
        values,
        ("head", "row", "column") if fusion == "all" else ("row", "column"),
        None,
        f"Layer {site.layer}, {head_words(fusion)}: what the patch at row {row}, column {column} "
        f"{verb}{' in its window' if windows(site) else ''}",
        None if answered is None else answered.grid,
    )
    about = {"site": site.id, "query": f"{row},{column}", "direction": direction, "head": head}
    return Made(found, about)


def placed(line: Tensor, site: Site, axis: Literal["query", "key"], sentence: str) -> Map:
    """Values on tokens (…, token) as (…, row, column) and prefix, if positions are known."""
    if cells := cells_of(site, "keys" if axis == "key" else "queries"):
        return _spread(line, cells, sentence)
    try:
        places, rest = site.on_grid(line)
    except ValueError:
        return Map(line, (axis,), None, sentence)
    assert site.grid is not None
    on_prefix = rest if rest.shape[-1] else None
    return Map(places, site.grid.axis_names, on_prefix, sentence, site.grid)


def _spread(line: Tensor, cells: Cells, sentence: str) -> Map:
    """Values on tokens (…, token) at their cells; NaN where there is no token."""
    grid, tokens = cells.grid, cells.cells[0].long()
    known = tokens >= 0
    spread = torch.full((*line.shape[:-1], grid.cells), torch.nan)
    spread[..., tokens[known]] = line.float().cpu()[..., known]
    rest = line.float().cpu()[..., ~known] if not known.all() else None
    places = spread.unflatten(-1, grid.shape)
    return Map(places, grid.axis_names, rest, sentence, grid)
