"""A map used as evidence: which map, for which class, and its values on a grid of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fovea.models.evidence.baselines import mean_of_cells
from fovea.models.evidence.cells import of_input
from fovea.models.grids import PatchGrid
from fovea.models.judging.measures import padded
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods import registry
from fovea.models.methods.base import Method, Subject, refusal
from fovea.models.methods.making.choosing import target_of
from fovea.models.preprocessing import Preprocessing
from fovea.server.answers import methods
from fovea.server.answers.named_array import NamedArray
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.passes import Passes
from fovea.server.problems import MapNotPossible


@dataclass(frozen=True, eq=False, slots=True)
class Marks:
    """A map over the photo. values: float64 (row, column) · grid: the cells they belong to."""

    name: str
    values: Tensor
    grid: PatchGrid
    sentence: str


def class_of(analysis: Analysis, subject: Subject, target: str | None) -> int:
    """The target class. Raises MapNotPossible if the network does not classify, and BadOption for a
    class that it does not have.
    """
    if analysis.logits is None or analysis.photo is None:
        raise MapNotPossible(
            f"{analysis.model.id} gives no probability of a class of a photo, so no part of it can "
            "be weighed by one.",
            hint="Models of the task classification do; GET /v1/models says which.",
        )
    try:
        return target_of(subject, target)
    except NotPossible as error:
        raise methods.not_possible(refusal(subject, error)) from error


def marking(
    subject: Subject, name: str | None, options: Mapping[str, object], target: str | None
) -> tuple[Method, dict[str, object]]:
    """The map to evaluate and its options, for class `target` unless the options name one. The
    default is rollout, or the first spatial map that the network supports.

    Raises what `methods.compute` raises: UnknownMethod, BadOption, MapNotPossible.
    """
    order = ("rollout", *registry.NAMES)
    named = (
        registry.method(name)
        if name is not None
        else next(
            (one for one in map(registry.method, order) if one.on_photo and _can(one, subject)),
            None,
        )
    )
    if named is None:
        raise MapNotPossible(f"{subject.name} can have no map over the photo.")
    if not named.on_photo:
        raise MapNotPossible(
            f"{named.name} is no map over the photo, so its cells cannot be hidden or shown.",
            hint=f"These are: {', '.join(one.name for one in registry.METHODS if one.on_photo)}.",
        )
    given = dict(options)
    takes = {option.name for option in named.options}
    if target is not None and named.for_class and "target" in takes and "target" not in given:
        given["target"] = target
    read = named.read(given)
    if not read.get("site") and read.get("layer") is None and (why := named.reason(subject)):
        raise methods.not_possible(why)
    return named, given


def _can(own: Method, subject: Subject) -> bool:
    return own.reason(subject) is None


def marks_of(passes: Passes, name: str, options: Mapping[str, object]) -> Marks:
    """The map's values, after the passes that it needs."""
    make = passes.on_loop(lambda: methods.compute(passes.engine, passes.analysis, name, options))
    return marks_in(name, make())


def marks_in(name: str, array: NamedArray) -> Marks:
    """Raises MapNotPossible unless the array has one value for each cell of the photo."""
    if not array.covers_input or array.values.ndim != 2:
        raise MapNotPossible(
            f"{name}, with these options, is not one value for each cell of the photo.",
            hint="Name one head, or its mean, and one query.",
        )
    values = torch.from_numpy(array.values.copy()).double()
    grid = array.grid if array.grid is not None and array.grid.depth == 1 else None
    return Marks(name, values, grid or PatchGrid(*values.shape), array.sentence)


def on_grid(marks: Marks, grid: PatchGrid, height: int, width: int) -> Tensor:
    """Resample a map onto another grid over the same input, float64 (row, column): each cell is the
    mean over its pixels. Pixels without a value count as the map's minimum.
    """
    if grid == marks.grid and grid.axes == marks.grid.axes:
        return marks.values
    low = marks.values[~marks.values.isnan()].min() if not marks.values.isnan().all() else 0.0
    flat = torch.cat(
        [torch.nan_to_num(marks.values, nan=float(low)).flatten(), torch.tensor([low])]
    )
    pixels = flat[of_input(marks.grid, height, width)]
    return padded(mean_of_cells(pixels, of_input(grid, height, width)), grid)


def normalisation(wanted: Preprocessing) -> tuple[Tensor, Tensor]:
    """(mean, std) of the input's channels, each of shape (channel, 1, 1)."""
    mean, std = (torch.tensor(one).view(-1, 1, 1) for one in (wanted.mean, wanted.std))
    return mean, std
