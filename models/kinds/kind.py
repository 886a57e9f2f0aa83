"""What a kind of site says of itself; everything that tells of sites asks here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from fovea.models.kinds.step import Step
from fovea.models.records import Site, Trace
from fovea.models.tracing.operations import Called, Workings

Claim = Literal["attention", "gate", "sampling"]
"""What its picture says: who looks where, what is let through, or where something was read."""

Leading = Callable[[Sequence[Called], Sequence[Any]], list[Called]]
"""What led to a site, from the calls before it and the arguments of the call that made it."""


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """What is drawn of a site.

    values: with axes as named; of ("row", "column") it lies on the photo. sentence: what it is,
    after the site's title. more: further arrays by name, with their axes.
    """

    values: Tensor
    axes: tuple[str, ...]
    sentence: str
    more: tuple[tuple[str, Tensor, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class At:
    """Which cell of a site its steps are of, where they are of one."""

    row: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class SiteKind:
    """A kind of site.

    name: on the wire and in traces · title: in sentences, and of the site before its number ·
    claim: what its picture says · views: what can be asked of it under its address, GET
    /v1/analyses/{id}/sites/{site}/{view} · leading: what led to it, for its steps · steps: from
    the site, what led to it, and which part of it; None for an attention, whose steps need words
    and windows · led_to: of what the steps are, after the title · grid: of what its steps are told
    one cell at a time, None where they are of the whole · shown: what is drawn of one, None where
    that takes a query · features: the map before it, (batch, channel, row, column), or None ·
    facts: what the list of sites tells of it besides what all sites have.
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
