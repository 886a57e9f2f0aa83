"""The effect of each head, layer, channel or patch on a class: remove one at a time.

The effect of a part is the class logit of the whole network minus the logit without that part, and
the same for the probability: positive if the part supports the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.editing.run import edited
from fovea.models.editing.sweep import OVERS, Over, Sweep, blocks, parts_of, spread_over
from fovea.models.edits import Edit, RefusedEdit
from fovea.models.evidence.baselines import centre, random_map
from fovea.models.evidence.cells import of_input
from fovea.models.evidence.fills import Fill, filled
from fovea.models.evidence.place import spread_of
from fovea.models.evidence.ranking import spearman
from fovea.models.grids import PatchGrid
from fovea.models.judging.subject import MapLike, PassResult, look, values_of
from fovea.models.judging.verdicts import finite
from fovea.models.preprocessing import Preprocessing
from fovea.models.records import Site
from fovea.models.running.outputs import tensor_of

RANDOM_MAPS = 20
"""Baselines for the ρ of a map."""


def both(logits: Tensor, target: int) -> Tensor:
    """(logit, probability) of a class, float64 (picture, 2). logits: (picture, class)."""
    logits = logits.double().cpu()
    return torch.stack([logits, logits.softmax(-1)], -1)[:, target]


@dataclass(frozen=True, eq=False, slots=True)
class Missing:
    """A part that could not be removed. place: its index · site: its id."""

    place: tuple[int, ...]
    site: str
    why: str


@dataclass(frozen=True, eq=False, slots=True)
class Effects:
    """The result of a sweep.

    values, probability: effects on logit and probability, float64, with named axes; NaN where a
    part does not exist or could not be removed · sites: of the rows · target: the class · whole:
    its (logit, probability) without removal · opened: for channels, (values, probability) when each
    is opened instead of shut · agreement: for patches with a given map, Spearman's ρ between map
    and effects, that of a centred Gaussian, and of random maps (mean, spread, n).
    """

    over: Over
    values: Tensor
    probability: Tensor
    axes: tuple[str, ...]
    sites: tuple[Site, ...]
    target: int
    whole: tuple[float, float]
    missing: tuple[Missing, ...] = ()
    opened: tuple[Tensor, Tensor] | None = None
    agreement: Mapping[str, Any] | None = None


def taken_away(
    over: Over, parts: Sweep, ask: Callable[[Edit], Tensor], whole: Tensor, target: int
) -> Effects:
    """The effects of a network's parts.

    ask: an edit → the logits with it, (1, class); raises RefusedEdit if the edit is impossible.
    whole: `both` of the unedited pass, (2,).
    """
    found = {
        kind: torch.full((2, *parts.shape), torch.nan, dtype=torch.float64)
        for kind in dict.fromkeys(part.kind for part in parts.parts)
    }
    missing = []
    for part in parts.parts:
        try:
            logits = ask(part.edit)
        except RefusedEdit as error:
            missing.append(Missing(part.place, part.edit.site or "", str(error)))
            continue
        effect = whole - both(logits, target)[0]
        for array, value in zip(found[part.kind], effect, strict=True):
            array[part.place] = value
    opened = found.get("open")
    return Effects(
        over, found[""][0], found[""][1], parts.axes, parts.sites, target,
        (float(whole[0]), float(whole[1])), tuple(missing),
        None if opened is None else (opened[0], opened[1]),
    )  # fmt: skip


def agreement(marks: Tensor, effects: Tensor) -> dict[str, Any]:
    """Spearman's ρ between a map and the effects of its cells, and the same for baseline maps.

    marks, effects: (row, column), on the same cells. ρ is None if one is constant.
    """
    rows, columns = effects.shape
    random = [spearman(random_map(rows, columns, seed), effects) for seed in range(RANDOM_MAPS)]
    return {
        "rho": finite(spearman(marks, effects)),
        "centre": finite(spearman(centre(rows, columns), effects)),
        "random": {name: finite(one) for name, one in asdict(spread_of(random)).items()},
    }


def sweep(
    module: nn.Module,
    inputs: Tensor,
    over: Over = "heads",
    *,
    site: str | None = None,
    target: int | None = None,
    found: MapLike | None = None,
    fill: Fill = "mean",
    block: int = 1,
    stride: int | None = None,
    preprocessing: Preprocessing | None = None,
    batch: int = 8,
) -> Effects:
    """Measures the effect of each part of a network, or of its input, on a class.

    module: in eval mode, with (1, class) as its output. inputs: (1, channel, height, width). over:
    "heads", each `off` → (layer, head); "layers", each `skip`ped → (layer,); "channels" of gates,
    each `shut` → (site, channel); "patches", each cell of a grid hidden on the input → (row,
    column) (Zeiler & Fergus 2014). site: only this site, or the one whose cells are hidden;
    default: the last with a grid. target: the class, default: the predicted one.

    For patches: found: a map to compare with the effects; fill, block, stride: as over REST,
    applied to the input instead of the photo; preprocessing: of the input, required by `grey` and
    `noise`.

    Raises RefusedEdit if the network has no such parts, ValueError for another kind of parts or an
    unknown class.
    """
    if over not in OVERS:
        raise ValueError(f"there is no sweep over {over!r}; valid: {', '.join(OVERS)}")
    scene = look(module, inputs, target, preprocessing)
    if over == "patches":
        return _patches(scene, site, found, fill, blocks_of=(block, stride), batch=batch)
    if found is not None:
        raise ValueError(f"a sweep over {over} takes no map; one of patches does")
    parts = parts_of(scene.trace, over, site)

    def ask(one: Edit) -> Tensor:
        with (
            torch.inference_mode(),
            edited(module, (one,), scene.trace, scene.layouts, (inputs,)) as run,
        ):
            return tensor_of(run(inputs))

    return taken_away(over, parts, ask, both(scene.logits, scene.target)[0], scene.target)


def hidden_effects(
    grid: PatchGrid,
    picture: Tensor,
    ask: Callable[[Tensor], Tensor],
    target: int,
    fill: Fill = "mean",
    block: int = 1,
    stride: int | None = None,
    batch: int = 8,
) -> tuple[Tensor, Tensor]:
    """What hiding each cell does to the logit and to the probability of a class: (row, column).

    picture: what the network is given, as a photo, (channel, row, column). ask: such pictures →
    logits, (picture, class).
    """
    hidden = blocks(grid, block, stride)
    cells = of_input(grid, *picture.shape[1:])
    instead = filled(picture, fill)
    whole = both(ask(picture[None]), target)[0]
    deltas = []
    for start in range(0, len(hidden), batch):
        masks = torch.stack(hidden[start : start + batch]).flatten(1)
        # −1, what no cell covers, is the last entry, which is never hidden.
        chosen = torch.nn.functional.pad(masks, (0, 1))[:, cells]
        pictures = torch.where(chosen[:, None].to(picture.device), instead, picture)
        deltas.append(whole - both(ask(pictures), target))
    effects = torch.cat(deltas)
    logit, probability = (spread_over(hidden, effects[:, number]) for number in (0, 1))
    return logit, probability


def _patches(
    scene: PassResult,
    site: str | None,
    found: MapLike | None,
    fill: Fill,
    blocks_of: tuple[int, int | None],
    batch: int,
) -> Effects:
    own = with_grid(scene.trace.sites, site)
    grid = own.grid
    assert grid is not None
    logit, probability = hidden_effects(
        grid, scene.picture, scene.ask, scene.target, fill, *blocks_of, batch=batch
    )
    whole = both(scene.logits, scene.target)[0]
    told = None
    if found is not None:
        values, of = values_of(found, scene)
        if (of.rows, of.columns) != (grid.rows, grid.columns):
            raise ValueError(
                f"the map has {of.rows} × {of.columns} cells and site {own.id} "
                f"{grid.rows} × {grid.columns}; name a site with as many"
            )
        told = agreement(values, logit)
    return Effects(
        "patches", logit, probability, ("row", "column"), (own,), scene.target,
        (float(whole[0]), float(whole[1])), agreement=told,
    )  # fmt: skip


def with_grid(sites: Sequence[Site], named: str | None) -> Site:
    """The site whose cells are hidden; default: the last that has some.

    Raises RefusedEdit if it has none.
    """
    able = [
        site
        for site in sites
        if site.grid is not None and site.grid.depth == 1 and site.grid.cells > 1
    ]
    listed = ", ".join(one.id for one in able) or "none"
    if named is not None:
        chosen = next((site for site in able if site.id == named), None)
        if chosen is None:
            raise RefusedEdit(f"Site {named} has no grid on the photo.", f"These have: {listed}.")
        return chosen
    if not able:
        raise RefusedEdit("No site of this network has a grid on the photo.")
    return able[-1]
