"""Sweeps: the effect of each head, layer, channel or patch on a class score, as one array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.closest import did_you_mean
from fovea.models.editing.hide import hiding
from fovea.models.editing.sweep import Over, Sweep, blocks, parts_of, spread_over
from fovea.models.edits import Edit, RefusedEdit
from fovea.models.evidence.fills import FILLS
from fovea.models.grids import PatchGrid
from fovea.models.judging.sweeping import (
    Effects,
    agreement,
    both,
    taken_away,
    with_grid,
)
from fovea.models.methods.base import BadOption, Subject
from fovea.models.preprocessing import prepare
from fovea.models.records import Site
from fovea.server.answers.marking import class_of, marking, marks_of, on_grid
from fovea.server.answers.named_array import NamedArray
from fovea.server.engine import editing
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.conclude import to_input
from fovea.server.engine.passes import BATCH, Passes, logits_of
from fovea.server.problems import MapNotPossible

MOST_PASSES = 10_000


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """A sweep request; the fields after `target` apply to patch sweeps only."""

    over: Over
    site: str | None = None
    target: str | None = None
    fill: str = "mean"
    block: int = 1
    stride: int | None = None
    map: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)


def _told(analysis: Analysis, asked: SweepRequest, effects: Effects) -> dict[str, Any]:
    """Fields that every sweep result has."""
    return {
        "over": asked.over,
        "target": {"index": effects.target, "label": analysis.model.label(effects.target)},
        "whole": dict(zip(("logit", "score"), effects.whole, strict=True)),
    }


def planned(
    analysis: Analysis, subject: Subject, asked: SweepRequest
) -> Callable[[Passes], NamedArray]:
    """Plan a sweep. Raises EditRefused, BadOption, UnknownSite or MapNotPossible for an invalid
    request, before any pass runs.
    """
    target = class_of(analysis, subject, asked.target)
    if asked.over == "patches":
        return _planned_patches(analysis, subject, asked, target)
    for name in ("block", "stride", "map", "options"):
        if getattr(asked, name) != getattr(SweepRequest("heads"), name):
            raise BadOption(f"A sweep over {asked.over} takes no {name!r}; one of patches does.")
    if asked.fill != "mean":
        raise BadOption(f"A sweep over {asked.over} takes no 'fill'; one of patches does.")
    try:
        sweep = parts_of(analysis.trace, asked.over, asked.site)
    except RefusedEdit as error:
        raise editing.refused(error) from error
    _check_count(len(sweep.parts))
    return partial(_parts, analysis=analysis, asked=asked, sweep=sweep, target=target)


def _check_count(passes: int) -> None:
    if passes > MOST_PASSES:
        raise BadOption(
            f"This takes {passes:,} passes; at most {MOST_PASSES:,} are made.",
            hint="Name a site, or larger blocks.",
            limit=MOST_PASSES,
            actual=passes,
        )


# Parts of the network -----------------------------------------------------------------------------


def _parts(
    passes: Passes, *, analysis: Analysis, asked: SweepRequest, sweep: Sweep, target: int
) -> NamedArray:
    loaded = passes.begin(len(sweep.parts) + 1)
    inputs, _ = to_input(analysis.photo, loaded.spec)
    whole = both(passes.logits(loaded, inputs), target)[0]

    def ask(edit: Edit) -> Tensor:
        return passes.ask(loaded, _without(analysis, edit), inputs)

    effects = taken_away(asked.over, sweep, ask, whole, target)
    more = {"probability": (_array(effects.probability), sweep.axes)}
    if effects.opened is not None:
        logit, probability = effects.opened
        more |= {
            "open": (_array(logit), sweep.axes),
            "open_probability": (_array(probability), sweep.axes),
        }
    about = {
        **_told(analysis, asked, effects),
        "sites": [{"id": site.id, "layer": site.layer, "name": site.name} for site in sweep.sites],
        "missing": [
            {"place": list(one.place), "site": one.site, "why": one.why} for one in effects.missing
        ],
    }
    values = _array(effects.values)
    label = analysis.model.label(target)
    return NamedArray(
        values, sweep.axes, _sentence(asked, label, values, sweep), about=about,
        covers_input=False, more=more,
    )  # fmt: skip


def _array(values: Tensor) -> Any:
    return values.float().numpy()


def _without(analysis: Analysis, edit: Edit) -> Callable[[LoadedModel, Tensor], Tensor]:
    """One pass with one more edit; no attention is recorded."""

    def ask(loaded: LoadedModel, inputs: Tensor) -> Tensor:
        with editing.running(loaded, analysis, (*analysis.edits, edit), (inputs,)):
            return logits_of(loaded, inputs)

    return ask


def _sentence(asked: SweepRequest, label: str, logit: Any, sweep: Sweep) -> str:
    done = {"heads": "is off", "layers": "adds nothing", "channels": "is shut"}[asked.over]
    one = {"heads": "head", "layers": "layer", "channels": "channel"}[asked.over]
    start = f"How far the logit of {label} falls when a {one} {done}"
    if np.isnan(logit).all():
        return f"{start}: it could not be tried"
    place = np.unravel_index(int(np.nanargmax(logit)), logit.shape)
    site = sweep.sites[place[0]]
    which = f"layer {site.layer}" if asked.over == "layers" else f"{one} {place[-1]} of {site.id}"
    return f"{start}; most by {which}, {logit[place]:+.3g}"


# Patches of the photo -----------------------------------------------------------------------------


def _planned_patches(
    analysis: Analysis, subject: Subject, asked: SweepRequest, target: int
) -> Callable[[Passes], NamedArray]:
    site = _with_grid(analysis, asked.site)
    if asked.fill not in FILLS:
        raise BadOption(
            f"There is no fill {asked.fill[:50]!r}; valid: {', '.join(FILLS)}."
            f"{did_you_mean(asked.fill, FILLS)}",
            valid=FILLS,
        )
    assert site.grid is not None
    try:
        hidden = blocks(site.grid, asked.block, asked.stride)
    except ValueError as error:
        raise BadOption(f"{error}.") from error
    _check_count(len(hidden))
    try:
        shown, options = marking(subject, asked.map, asked.options, asked.target)
        beside = (shown.name, options)
    except MapNotPossible:
        if asked.map is not None:
            raise
        beside = None
    return partial(
        _patches, analysis=analysis, asked=asked, site=site, target=target, hidden=hidden,
        beside=beside,
    )  # fmt: skip


def _with_grid(analysis: Analysis, named: str | None) -> Site:
    if named is not None:
        analysis.trace.site(named)
    try:
        return with_grid(analysis.trace.sites, named)
    except RefusedEdit as error:
        raise editing.refused(error) from error


def _patches(
    passes: Passes,
    *,
    analysis: Analysis,
    asked: SweepRequest,
    site: Site,
    target: int,
    hidden: list[Tensor],
    beside: tuple[str, Mapping[str, object]] | None,
) -> NamedArray:
    grid, (photo, geometry) = site.grid, analysis.view
    assert grid is not None
    loaded = passes.begin(len(hidden) + 1)
    wanted = loaded.spec.preprocessing
    assert wanted is not None
    inputs, _ = to_input(photo, loaded.spec)
    whole = both(passes.logits(loaded, inputs), target)[0]
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1)
    hide = hiding(pixels, geometry, grid, asked.fill)
    deltas = []
    for start in range(0, len(hidden), BATCH):
        some = hidden[start : start + BATCH]
        prepared = [_prepared(hide.without(_cells(one)), loaded) for one in some]
        deltas.append(whole - both(passes.logits(loaded, torch.cat(prepared)), target))
    found = torch.cat(deltas)
    logit, probability = (spread_over(hidden, found[:, number]) for number in (0, 1))
    effects = Effects(
        "patches", logit, probability, ("row", "column"), (site,), target,
        (float(whole[0]), float(whole[1])),
    )  # fmt: skip
    height, width = inputs.shape[2:]
    about = {
        **_told(analysis, asked, effects),
        "site": site.id,
        "fill": asked.fill,
        "block": asked.block,
        "stride": asked.stride or asked.block,
        "agreement": _agreement(passes, beside, logit, grid, (height, width)),
    }
    return NamedArray(
        _array(logit),
        ("row", "column"),
        f"How far the logit of {analysis.model.label(target)} falls when a patch is hidden",
        about=about,
        grid=grid,
        more={"probability": (_array(probability), ("row", "column"))},
    )


def _cells(hidden: Tensor) -> list[tuple[int, int]]:
    return [(row, column) for row, column in hidden.nonzero().tolist()]


def _prepared(pixels: Tensor, loaded: LoadedModel) -> Tensor:
    assert loaded.spec.preprocessing is not None
    inputs, _ = prepare(pixels, loaded.spec.preprocessing)
    return inputs


def _agreement(
    passes: Passes,
    beside: tuple[str, Mapping[str, object]] | None,
    effects: Tensor,
    grid: PatchGrid,
    size: tuple[int, int],
) -> dict[str, Any] | None:
    """Spearman's ρ between a map and the measured effects, and the same for the baseline maps."""
    if beside is None:
        return None
    marks = marks_of(passes, *beside)
    values = on_grid(marks, grid, *size)
    return {
        "map": marks.name,
        "sentence": marks.sentence,
        **agreement(values, effects),
        "values": _array(values),
    }
