"""What can be read off an analysis: (Analysis, what is asked) → NamedArray, computed on demand.

Layers, heads, channels, rows, columns and tokens are counted from 0, here and in the sentences.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fovea.models.kinds.attention import rows as attention_maps
from fovea.models.kinds.attention import windows as places
from fovea.models.kinds.kind import SiteKind
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.records import Cells, Map, Site, Trace
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
from fovea.server.problems import InvalidParameter, NotAcceptable, WrongKind


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


def require(site: Site, view: str) -> SiteKind:
    """The site's kind; raises WrongKind unless it has this view."""
    kind = SITE_KINDS[site.kind]
    if view not in kind.views:
        valid = [one.name for one in SITE_KINDS.values() if view in one.views]
        raise WrongKind(
            f"Site {site.id} ({site.name}) is of the kind {site.kind}, not {' or '.join(valid)}.",
            valid=valid,
        )
    return kind


def titled(site: Site) -> str:
    """What a site is called in a sentence."""
    return f"{SITE_KINDS[site.kind].title} {site.layer}"


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
    """The weight of each channel, the mask over places, or the strips with their product."""
    kind = require(site, "gate")
    assert kind.shown is not None
    with torch.inference_mode():
        shown = kind.shown(site)
    on_photo = shown.axes == ("row", "column")
    about: dict[str, Any] = {"site": site.id, **_facts_of(site)}
    if shown.more:
        about["axes_of"] = {name: list(axes) for name, _, axes in shown.more}
    sentence = f"{titled(site)}: {shown.sentence}"
    return NamedArray(
        as_array(shown.values),
        shown.axes,
        sentence,
        about=about,
        covers_input=on_photo,
        more={name: (as_array(values), axes) for name, values, axes in shown.more},
    )


def _facts_of(site: Site) -> dict[str, Any]:
    tell = SITE_KINDS[site.kind].facts
    return {} if tell is None else tell(Trace((site,)), site)


def features(site: Site, channel: int) -> NamedArray:
    """The feature map of one channel, before the gate."""
    kind = require(site, "features")
    kept = None if kind.features is None else kind.features(site)
    if kept is None:
        raise WrongKind(f"The feature maps of site {site.id} were not kept.")
    if not 0 <= channel < kept.shape[1]:
        raise InvalidParameter(
            f"channel={channel} does not exist; site {site.id} has channels 0 to "
            f"{kept.shape[1] - 1}.",
            limit=kept.shape[1] - 1,
            actual=channel,
        )
    return NamedArray(
        as_array(kept[0, channel]),
        ("row", "column"),
        f"{titled(site)}: channel {channel} before the gate",
        about={"site": site.id, "channel": channel},
    )


# Spatial transformers ---------------------------------------------------------------------------


def sampling_grid(site: Site) -> NamedArray:
    """For each output cell the source point (x, y), −1…1."""
    require(site, "grid")
    sampling = site.sampling
    rows, columns = sampling.input.shape[2:]
    return NamedArray(
        as_array(sampling.grid[0]),
        ("row", "column", "xy"),
        f"{titled(site)}: where each cell of its output is read from",
        about={
            "site": site.id,
            "theta": None if sampling.theta is None else as_array(sampling.theta[0]).tolist(),
            "input": {"rows": rows, "columns": columns},
            "output": {"rows": sampling.grid.shape[1], "columns": sampling.grid.shape[2]},
            "align_corners": sampling.align_corners,
        },
        covers_input=False,
        name="grid",
    )


def warped(analysis: Analysis, site: Site) -> NamedArray:
    """What the sampler gave, as the network has it: normalised, where it is a picture."""
    require(site, "grid/warped")
    output = site.sampling.output[0]
    preprocessing = analysis.model.preprocessing
    is_picture = preprocessing is not None and output.shape[0] == preprocessing.channels == len(
        preprocessing.mean
    )
    return NamedArray(
        as_array(output),
        ("channel", "row", "column"),
        f"{titled(site)}: what it passes on",
        about={"site": site.id, "picture": is_picture, "values_are": "tensor"},
        covers_input=False,
    )


def as_picture(analysis: Analysis, array: NamedArray) -> NamedArray:
    """What a sampler gave with its normalisation undone: 0…1.

    Raises NotAcceptable where it is no picture but feature maps.
    """
    preprocessing = analysis.model.preprocessing
    if not array.about["picture"] or preprocessing is None:
        raise NotAcceptable(
            f"What site {array.about['site']} samples is no picture but {array.values.shape[0]} "
            "channels.",
            hint="Ask for its numbers: values=tensor as npy or JSON.",
        )
    std, mean = (
        np.asarray(one, np.float32)[:, None, None]
        for one in (preprocessing.std, preprocessing.mean)
    )
    return replace(
        array, values=array.values * std + mean, about={**array.about, "values_are": "picture"}
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
