"""Sweeps: what each head, layer, channel or patch is worth to a class, as one array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
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
from fovea.models.evidence.baselines import centre, random_map
from fovea.models.evidence.fills import FILLS
from fovea.models.evidence.place import spread_of
from fovea.models.evidence.ranking import spearman
from fovea.models.grids import PatchGrid
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

RANDOM_MAPS = 20
"""Against whose ρ that of the shown map is seen."""
MOST_PASSES = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sweep is asked for; the fields after `target` are of a sweep over patches."""

    over: Over
    site: str | None = None
    target: str | None = None
    fill: str = "mean"
    block: int = 1
    stride: int | None = None
    map: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class _Effects:
    """target: the class · whole: its (logit, probability) with nothing taken away."""

    analysis: Analysis
    target: int
    whole: tuple[float, float]

    @property
    def label(self) -> str:
        return self.analysis.model.label(self.target)

    def of(self, logits: Tensor) -> Tensor:
        """(whole − without) of logit and probability, float64 (picture, 2)."""
        return torch.tensor(self.whole, dtype=torch.float64) - both(logits, self.target)

    def told(self, asked: Asked) -> dict[str, Any]:
        target = {"index": self.target, "label": self.label}
        whole = dict(zip(("logit", "score"), self.whole, strict=True))
        return {"over": asked.over, "target": target, "whole": whole}


def both(logits: Tensor, target: int) -> Tensor:
    """(logit, probability) of a class, float64 (picture, 2). logits: (picture, class)."""
    logits = logits.double()
    return torch.stack([logits, logits.softmax(-1)], -1)[:, target]


def planned(analysis: Analysis, subject: Subject, asked: Asked) -> Callable[[Passes], NamedArray]:
    """The work that a sweep is; raises EditRefused, BadOption, UnknownSite or MapNotPossible for
    what makes no sense, before any pass.
    """
    target = class_of(analysis, subject, asked.target)
    if asked.over == "patches":
        return _planned_patches(analysis, subject, asked, target)
    for name in ("block", "stride", "map", "options"):
        if getattr(asked, name) != getattr(Asked("heads"), name):
            raise BadOption(
                f"A sweep over {asked.over} does not heed {name!r}; one of patches does."
            )
    if asked.fill != "mean":
        raise BadOption(f"A sweep over {asked.over} does not heed 'fill'; one of patches does.")
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


# Parts of the network -------------------------------------------------------------------------


def _parts(
    passes: Passes, *, analysis: Analysis, asked: Asked, sweep: Sweep, target: int
) -> NamedArray:
    loaded = passes.begin(len(sweep.parts) + 1)
    inputs, _ = to_input(analysis.photo, loaded.spec)
    whole = both(passes.logits(loaded, inputs), target)[0]
    effects = _Effects(analysis, target, (float(whole[0]), float(whole[1])))
    found = {
        kind: np.full((2, *sweep.shape), np.nan, np.float32)
        for kind in dict.fromkeys(part.kind for part in sweep.parts)
    }
    missing: list[dict[str, Any]] = []
    for part in sweep.parts:
        try:
            logits = passes.ask(loaded, _without(analysis, part.edit), inputs)
        except RefusedEdit as error:
            missing.append({"place": list(part.place), "site": part.edit.site, "why": str(error)})
            continue
        for array, effect in zip(found[part.kind], effects.of(logits)[0].tolist(), strict=True):
            array[part.place] = effect
    logit, probability = found[""]
    more = {"probability": (probability, sweep.axes)}
    if "open" in found:
        more |= {
            "open": (found["open"][0], sweep.axes),
            "open_probability": (found["open"][1], sweep.axes),
        }
    about = {
        **effects.told(asked),
        "sites": [_told(site) for site in sweep.sites],
        "missing": missing,
    }
    return NamedArray(
        logit, sweep.axes, _sentence(asked, effects, logit, sweep), about=about,
        covers_input=False, more=more,
    )  # fmt: skip


def _without(analysis: Analysis, edit: Edit) -> Callable[[LoadedModel, Tensor], Tensor]:
    """A plain pass with one edit more; nothing of what attends is kept."""

    def ask(loaded: LoadedModel, inputs: Tensor) -> Tensor:
        with editing.running(loaded, analysis, (*analysis.edits, edit), (inputs,)):
            return logits_of(loaded, inputs)

    return ask


def _told(site: Site) -> dict[str, Any]:
    return {"id": site.id, "layer": site.layer, "name": site.name}


def _sentence(asked: Asked, effects: _Effects, logit: Any, sweep: Sweep) -> str:
    done = {"heads": "is off", "layers": "adds nothing", "channels": "is shut"}[asked.over]
    one = {"heads": "head", "layers": "layer", "channels": "channel"}[asked.over]
    start = f"How far the logit of {effects.label} falls when a {one} {done}"
    if np.isnan(logit).all():
        return f"{start}: it could not be tried"
    place = np.unravel_index(int(np.nanargmax(logit)), logit.shape)
    site = sweep.sites[place[0]]
    which = f"layer {site.layer}" if asked.over == "layers" else f"{one} {place[-1]} of {site.id}"
    return f"{start}; most by {which}, {logit[place]:+.3g}"


# Patches of the photo -------------------------------------------------------------------------


def _planned_patches(
    analysis: Analysis, subject: Subject, asked: Asked, target: int
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
    """The site whose cells are hidden: the last that has some, where none is named."""
    able = [
        site
        for site in analysis.trace.sites
        if site.grid is not None and site.grid.depth == 1 and site.grid.cells > 1
    ]
    if named is not None:
        site = analysis.trace.site(named)
        if site not in able:
            raise editing.refused(
                RefusedEdit(
                    f"Site {site.id} has no grid on the photo.",
                    f"These have: {', '.join(one.id for one in able) or 'none'}.",
                )
            )
        return site
    if not able:
        raise editing.refused(RefusedEdit("No site of this network has a grid on the photo."))
    return able[-1]


def _patches(
    passes: Passes,
    *,
    analysis: Analysis,
    asked: Asked,
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
    effects = _Effects(analysis, target, (float(whole[0]), float(whole[1])))
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1)
    hide = hiding(pixels, geometry, grid, asked.fill)
    deltas = []
    for start in range(0, len(hidden), BATCH):
        some = hidden[start : start + BATCH]
        prepared = [_prepared(hide.without(_cells(one)), loaded) for one in some]
        deltas.append(effects.of(passes.logits(loaded, torch.cat(prepared))))
    found = torch.cat(deltas)
    logit, probability = (spread_over(hidden, found[:, number]) for number in (0, 1))
    height, width = inputs.shape[2:]
    about = {
        **effects.told(asked),
        "site": site.id,
        "fill": asked.fill,
        "block": asked.block,
        "stride": asked.stride or asked.block,
        "agreement": _agreement(passes, beside, logit, grid, (height, width)),
    }
    return NamedArray(
        logit.float().numpy(),
        ("row", "column"),
        f"How far the logit of {effects.label} falls when a patch is hidden",
        about=about,
        grid=grid,
        more={"probability": (probability.float().numpy(), ("row", "column"))},
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
    """Spearman's ρ between a shown map and the effects, and what maps that know nothing have."""
    if beside is None:
        return None
    marks = marks_of(passes, *beside)
    random = [
        spearman(random_map(grid.rows, grid.columns, seed), effects) for seed in range(RANDOM_MAPS)
    ]
    return {
        "map": marks.name,
        "sentence": marks.sentence,
        "rho": _number(spearman(on_grid(marks, grid, *size), effects)),
        "centre": _number(spearman(centre(grid.rows, grid.columns), effects)),
        "random": {name: _number(one) for name, one in asdict(spread_of(random)).items()},
        "values": on_grid(marks, grid, *size).float().numpy(),
    }


def _number(value: float) -> float | None:
    """None for NaN, which JSON lacks: a map that is the same everywhere ranks nothing."""
    return None if value != value else value
