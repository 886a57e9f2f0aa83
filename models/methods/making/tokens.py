"""What one token of one layer attends to, or is attended to by, as a Map."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fovea.models.geometry import token_of
from fovea.models.grids import Cells
from fovea.models.kinds.attention.rows import Fusion, columns, fuse, rows
from fovea.models.kinds.attention.windows import looked_at_by, looks_at
from fovea.models.records import Map, Site, Trace

Query = str | tuple[int, ...] | int | None
"""The class token as "cls", a place as (row, column), in a video or volume as (depth, row, column),
or a token by its number. None: the class token, or else the central place.
"""


def attention_site(trace: Trace, layer: int) -> Site:
    """The attention of a layer; negative ones are counted from the last. Raises IndexError."""
    sites = [site for site in trace.sites if site.attends]
    if not -len(sites) <= layer < len(sites):
        raise IndexError(f"layer {layer} does not exist; there are {len(sites)} attention layers")
    return sites[layer]


def _place_of(cells: Cells | None, query: Query) -> tuple[int, int] | None:
    """The selected place on a grid of windows or queries."""
    if cells is None:
        return None
    if query is None:
        return cells.grid.rows // 2, cells.grid.columns // 2
    return (query[0], query[1]) if isinstance(query, tuple) and len(query) == 2 else None


def _token_of(site: Site, query: Query, tokens: int) -> tuple[int, str]:
    """(token, its name). Raises ValueError if the site has no such token."""
    if query is None and not site.prefix_tokens:
        query = tuple(count // 2 for count in site.grid.shape) if site.grid else 0
    if query is None or query == "cls":
        if not site.prefix_tokens:
            raise ValueError(f"site {site.id} has no class token")
        return 0, "the class token"
    if isinstance(query, tuple):
        placeless = site.prefix_tokens + site.suffix_tokens
        if site.grid is None or tokens != placeless + site.grid.cells:
            raise ValueError(f"the tokens of site {site.id} have no places: {site.note}")
        if len(query) != len(site.grid.shape):
            raise ValueError(f"a place of site {site.id} is ({', '.join(site.grid.axis_names)})")
        *deep, row, column = query
        token = token_of(row, column, site.grid, site.prefix_tokens, *deep)
        words = [f"{name} {at}" for name, at in zip(site.grid.axis_names, query, strict=True)]
        return token, f"the patch at {', '.join(words)}"
    if not isinstance(query, int) or not 0 <= query < tokens:
        raise ValueError(
            f"query {query!r} does not exist; valid: 'cls', (row, column), 0 to {tokens - 1}"
        )
    return query, f"token {query}"


def _as_map(values: Tensor, site: Site, axis: str, sentence: str) -> Map:
    """Values on tokens (…, token), placed on the photo if possible."""
    grid = site.grid
    axes = ("head",) if values.ndim == 2 else ()
    if (
        grid is not None
        and values.shape[-1] == site.prefix_tokens + grid.cells + site.suffix_tokens
    ):
        places, rest = site.on_grid(values)
        return Map(places, (*axes, *grid.axis_names), rest, sentence, grid)
    layout = site.layout
    cells = None if layout is None else layout.keys if axis == "key" else layout.queries
    if cells is None or tuple(cells.cells.shape) != (1, values.shape[-1]):
        return Map(values, (*axes, axis), None, sentence)
    # Words or learned queries on one side, patches on the other.
    tokens, grid = cells.cells[0].long().to(values.device), cells.grid
    spread = values.new_full((*values.shape[:-1], grid.cells), torch.nan)
    spread[..., tokens[tokens >= 0]] = values[..., tokens >= 0]
    places = spread.unflatten(-1, grid.shape)
    return Map(places, (*axes, *grid.axis_names), values[..., tokens < 0], sentence, grid)


def attention(
    trace: Trace,
    layer: int = -1,
    query: Query = None,
    *,
    head: Fusion | int = "mean",
    direction: Literal["from", "to"] = "from",
) -> Map:
    """What a token attends to ("from": its row) or what attends to it ("to": its column).

    trace: of one photo. layer: index among the attention layers; −1 is the last. head: mean, max or
    min over heads, one head, or all. values: (row, column), or (token,) if positions are unknown,
    with a leading head axis for all heads; places outside the query's window are NaN. Raises
    IndexError or ValueError, which list the valid values.
    """
    site = attention_site(trace, layer)
    held, layout = site.attention, site.layout
    _, _, queries, keys = held.shape
    verb = "looks at" if direction == "from" else "is looked at by"
    where = (
        f"Layer {site.layer}, head {head}: what"
        if isinstance(head, int)
        else (f"Layer {site.layer}, {'each head' if head == 'all' else f'{head} over heads'}: what")
    )
    with torch.no_grad():
        if site.grid is None and layout is not None and layout.queries and layout.keys:
            asked = layout.queries if direction == "from" else layout.keys
            if place := _place_of(asked, query):
                look = looks_at if direction == "from" else looked_at_by
                sentence = f"{where} the patch at row {place[0]}, column {place[1]} {verb}"
                values = fuse(look(held, layout, *place), head)
                axes = ("head",) if values.ndim == 3 else ()
                answered = layout.keys if direction == "from" else layout.queries
                return Map(values, (*axes, "row", "column"), None, sentence, answered.grid)
        token, words = _token_of(site, query, queries if direction == "from" else keys)
        pick = rows if direction == "from" else columns
        held_tensor = held.query if held.probabilities is None else held.probabilities
        assert held_tensor is not None
        line = fuse(pick(held, torch.tensor([token], device=held_tensor.device))[:, 0], head)
    axis = "key" if direction == "from" else "query"
    return _as_map(line, site, axis, f"{where} {words} {verb}")
