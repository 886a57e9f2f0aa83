"""The description of a kind of site, which everything that presents sites reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from fovea.models.edits import Edit
from fovea.models.kinds.step import Step
from fovea.models.records import Site, Trace
from fovea.models.tracing.operations import Called, Workings

Claim = Literal["attention", "gate", "sampling"]
"""What a site's picture shows: attention, passing, or sampling positions."""

Leading = Callable[[Sequence[Called], Sequence[Any]], list[Called]]
"""Finds what led to a site, from earlier calls and the arguments of the call that made it."""


Planner = Callable[[Sequence[Edit], Site, Callable[[Tensor], Tensor] | None], Any]
"""Plans edits of one site; raises RefusedEdit."""


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """What is drawn for a site.

    values: with named axes; ("row", "column") are drawn on the photo. sentence: description, after
    the site's title. more: further arrays by name, with their axes.
    """

    values: Tensor
    axes: tuple[str, ...]
    sentence: str
    more: tuple[tuple[str, Tensor, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class At:
    """The cell of a site whose steps are shown, if they are for a single cell."""

    row: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class SiteKind:
    """A kind of site.

    name: in the API and in traces · title: in sentences, and before a site's number · claim: what
    its picture shows · views: what is available under its address, GET
    /v1/analyses/{id}/sites/{site}/{view} · leading: what led to it, for its steps · steps: from the
    site, what led to it, and the selected cell; None for attention, whose steps need words and
    windows · led_to: what the steps compute, after the title · grid: the grid of the cells whose
    steps can be shown one at a time, or None · shown: what is drawn, None if that requires a query
    · features: the map before it, (batch, channel, row, column), or None · facts: additional fields
    in the list of sites · edited_as: the word for it in edits, empty if it takes none · planned:
    the changes that edits make at a site, given how to reorder heads and windows · channel_factors:
    whether edits can name its channels.
    """

    name: str
    title: str
    claim: Claim
    views: tuple[str, ...]
    leading: Leading
    steps: Callable[[Site, Workings, At], list[Step]] | None = None
    led_to: str = ""
    grid: Callable[[Site], tuple[int, int]] | None = None
    shown: Callable[[Site], Shown] | None = None
    features: Callable[[Site], Tensor | None] | None = None
    facts: Callable[[Trace, Site], dict[str, Any]] | None = None
    edited_as: str = ""
    planned: Planner | None = None
    channel_factors: bool = False
