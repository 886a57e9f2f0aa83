"""What can be read off an analysis: (Analysis, what is asked) → NamedArray, computed on demand.

Layers, heads, channels, rows, columns and tokens are counted from 0, here and in the sentences.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from fovea.models.kinds.attention import rows as attention_maps
from fovea.models.kinds.attention import windows as places
from fovea.models.records import Cells, Map, Site
from fovea.server.answers.named_array import Array, NamedArray
from fovea.server.answers.queries import (
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
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import InvalidParameter, WrongKind


def as_array(tensor: Tensor) -> Array:
    """float32 on the CPU."""
    array: Array = tensor.detach().float().cpu().numpy()
    return array


def of_map(found: Map, sentence: str, about: dict[str, Any]) -> NamedArray:
    """A map, with a sentence of its own and what else is to be told of it."""
    prefix = None if found.prefix is None or not found.prefix.numel() else as_array(found.prefix)
    on_photo = found.axes[-2:] == ("row", "column")
    values = as_array(found.values)
    return NamedArray(values, found.axes, sentence, prefix, about, on_photo, grid=found.grid)


def require(site: Site, *kinds: str) -> None:
    """Raises WrongKind unless the site is of one of these kinds."""
    if site.kind not in kinds:
        raise WrongKind(
            f"Site {site.id} ({site.name}) is of the kind {site.kind}, not {' or '.join(kinds)}.",
            valid=list(kinds),
        )


# Attention --------------------------------------------------------------------------------------


def attention(
    analysis: Analysis,
    site: Site,
    query: str | None,
    direction: Direction,
    head: str,
    window: int | None,
) -> NamedArray:
    """A row ("from": what it looks at), a column ("to": what looks at it) or the whole matrix."""
    require(site, "attention")
    if window is None and (cell := placed_query(site, query, direction)):
        return _of_cell(site, cell, direction, head)
    held = one_window(site, window)
    _, heads, queries, keys = held.shape
    count = queries if direction == "from" else keys
    asked = parse_query(query, site, count, direction, analysis.sentence)
    fusion = parse_head(head, heads)
    named = dict(zip(("query", "key"), word_labels(site, analysis.sentence), strict=True))
    about: dict[str, Any] = {
        "site": site.id,
        "query": query or default_query(site, direction),
        "direction": direction,
    }
    where = f"Layer {site.layer}, {head_words(fusion)}"
    with torch.inference_mode():
        if asked.token is None:
            matrix = attention_maps.fuse(attention_maps.rows(held), fusion)
            matrix = matrix if direction == "from" else matrix.transpose(-1, -2)
            axes = ("query", "key") if direction == "from" else ("key", "query")
            verb = "looks at" if direction == "from" else "is looked at by"
            array = NamedArray(
                as_array(matrix), axes, f"{where}: what each token {verb}", covers_input=False
            )
        else:
            index = torch.tensor([asked.token])
            pick = attention_maps.rows if direction == "from" else attention_maps.columns
            line = attention_maps.fuse(pick(held, index)[:, 0], fusion)
            sentence = (
                f"{where}: what {asked.words} looks at"
                if direction == "from"
                else f"{where}: what looks at {asked.words}"
            )
            array = placed(line, site, "key" if direction == "from" else "query", sentence)
    labels = {axis: named[axis] for axis in array.axes if named.get(axis)}
    about |= {"labels": labels} if labels else {}
    with_heads = array.axes if fusion != "all" else ("head", *array.axes)
    return replace(array, axes=with_heads, about={**about, "head": head})


def _of_cell(site: Site, cell: tuple[int, int], direction: Direction, head: str) -> NamedArray:
    """A place's row or column where tokens are in windows, or queries on another grid than keys."""
    assert site.layout is not None
    fusion = parse_head(head, site.heads or 1)
    look = places.looks_at if direction == "from" else places.looked_at_by
    with torch.inference_mode():
        values = attention_maps.fuse(look(site.attention, site.layout, *cell), fusion)
    verb = "looks at" if direction == "from" else "is looked at by"
    row, column = cell
    axes = ("row", "column")
    answered = site.layout.keys if direction == "from" else site.layout.queries
    return NamedArray(
        as_array(values),
        axes if fusion != "all" else ("head", *axes),
        f"Layer {site.layer}, {head_words(fusion)}: what the patch at row {row}, column {column} "
        f"{verb}{' in its window' if windows(site) else ''}",
        about={
            "site": site.id,
            "query": f"{row},{column}",
            "direction": direction,
            "head": head,
        },
        grid=None if answered is None else answered.grid,
    )


def placed(line: Tensor, site: Site, axis: Literal["query", "key"], sentence: str) -> NamedArray:
    """Values on tokens (…, token) as places (…, row, column) and prefix, where there are places."""
    if cells := cells_of(site, "keys" if axis == "key" else "queries"):
        return _spread(line, cells, sentence)
    try:
        places, rest = site.on_grid(line)
    except ValueError:
        return NamedArray(as_array(line), (axis,), sentence, covers_input=False)
    assert site.grid is not None
    on_prefix = as_array(rest) if rest.shape[-1] else None
    return NamedArray(as_array(places), site.grid.axis_names, sentence, on_prefix, grid=site.grid)


def _spread(line: Tensor, cells: Cells, sentence: str) -> NamedArray:
    """Values on tokens (…, token) at their cells; NaN where no token is."""
    grid, tokens = cells.grid, cells.cells[0].long()
    known = tokens >= 0
    spread = torch.full((*line.shape[:-1], grid.cells), torch.nan)
    spread[..., tokens[known]] = line.float().cpu()[..., known]
    rest = as_array(line[..., ~known]) if not known.all() else None
    places = spread.unflatten(-1, grid.shape)
    return NamedArray(as_array(places), grid.axis_names, sentence, rest, grid=grid)


# Gates ------------------------------------------------------------------------------------------


def gate(site: Site) -> NamedArray:
    """The weight of each channel, or the mask over places."""
    require(site, "channel-gate", "spatial-gate")
    values = site.gate.values[0]
    about = {"site": site.id}
    if site.kind == "channel-gate":
        sentence = f"Channel gate {site.layer}: the weight of each channel"
        return NamedArray(
            as_array(values[:, 0, 0]), ("channel",), sentence, about=about, covers_input=False
        )
    sentence = f"Spatial gate {site.layer}: the weight of each place"
    return NamedArray(as_array(values[0]), ("row", "column"), sentence, about=about)


def features(site: Site, channel: int) -> NamedArray:
    """The feature map of one channel, before the gate."""
    require(site, "channel-gate", "spatial-gate")
    kept = site.gate.features
    if kept is None:
        raise WrongKind(f"The feature maps of site {site.id} were not kept.")
    if not 0 <= channel < kept.shape[1]:
        raise InvalidParameter(
            f"channel={channel} does not exist; site {site.id} has channels 0 to "
            f"{kept.shape[1] - 1}.",
            limit=kept.shape[1] - 1,
            actual=channel,
        )
    kind = site.kind.replace("-", " ").capitalize()
    return NamedArray(
        as_array(kept[0, channel]),
        ("row", "column"),
        f"{kind} {site.layer}: channel {channel} before the gate",
        about={"site": site.id, "channel": channel},
    )


# Spatial transformers ---------------------------------------------------------------------------


def sampling_grid(site: Site) -> NamedArray:
    """For each output cell the source point (x, y), −1…1."""
    require(site, "spatial-transformer")
    sampling = site.sampling
    rows, columns = sampling.input.shape[2:]
    return NamedArray(
        as_array(sampling.grid[0]),
        ("row", "column", "xy"),
        f"Spatial transformer {site.layer}: where each cell of its output is read from",
        about={
            "site": site.id,
            "theta": as_array(sampling.theta[0]).tolist(),
            "input": {"rows": rows, "columns": columns},
            "output": {"rows": sampling.grid.shape[1], "columns": sampling.grid.shape[2]},
            "align_corners": sampling.align_corners,
        },
        covers_input=False,
        name="grid",
    )


def warped(analysis: Analysis, site: Site) -> NamedArray:
    """What the sampler gave; where it is a picture in 0…1, its normalisation undone."""
    require(site, "spatial-transformer")
    output = site.sampling.output[0]
    preprocessing = analysis.model.preprocessing
    is_picture = preprocessing is not None and output.shape[0] == preprocessing.channels == len(
        preprocessing.mean
    )
    if is_picture and preprocessing is not None:
        std = output.new_tensor(preprocessing.std)[:, None, None]
        output = output * std + output.new_tensor(preprocessing.mean)[:, None, None]
    return NamedArray(
        as_array(output),
        ("channel", "row", "column"),
        f"Spatial transformer {site.layer}: what it passes on",
        about={"site": site.id, "picture": is_picture},
        covers_input=False,
    )


# What a network answers with ---------------------------------------------------------------------


def classes(analysis: Analysis) -> NamedArray:
    """The class of every place of a network that segments, by its number."""
    found = analysis.mask
    return NamedArray(
        found.classes.numpy(),
        ("row", "column"),
        f"The class of every place: {', '.join(found.labels)}, numbered from 0",
        about={"labels": list(found.labels)},
    )
