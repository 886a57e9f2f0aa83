"""Edits a running strip gate: both factors of a channel are replaced together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fovea.models.edits import Edit, RefusedEdit
from fovea.models.kinds.gate.edit import VALUES, Change, Factor
from fovea.models.kinds.strip.record import strips_of
from fovea.models.records import Site


def edited(rows: Tensor, columns: Tensor, channels: int, change: Change) -> tuple[Tensor, Tensor]:
    """The edited strips: at a changed channel their product has the given value everywhere.

    rows: (batch, channel, row, 1), columns: (batch, channel, 1, column), each with a single channel
    if all share it.
    """
    rows, columns = (one.expand(-1, channels, -1, -1).clone() for one in (rows, columns))
    for one in change.factors:
        here = list(range(channels)) if one.channels is None else list(one.channels)
        mean = (rows * columns).mean((1, 2, 3), keepdim=True)
        value = mean if one.value == "mean" else torch.full_like(mean, one.value)
        rows[:, here] = value.expand(-1, len(here), rows.shape[2], -1)
        columns[:, here] = 1
    return rows, columns


def ratio(rows: Tensor, columns: Tensor, known: tuple[Tensor, Tensor]) -> Tensor:
    """The additional multiplier that turns the network's strips into the edited ones: 1 where
    nothing changed. (batch, channel, row, column).

    known: the network's strips. NaN where their product is 0, since the map is lost there.
    """
    before = known[0] * known[1]
    after = rows * columns
    return torch.where(after == before, torch.ones_like(after), after / before)


def planned(edits: Sequence[Edit], site: Site) -> Change:
    """The changes at this gate, in order; raises RefusedEdit."""
    return Change(tuple(_factor(edit, site) for edit in edits))


def _factor(edit: Edit, site: Site) -> Factor:
    called = f"Site {site.id} ({site.name or 'the network itself'})"
    if edit.heads is not None:
        raise RefusedEdit(f"{called} is a gate; it has no heads.", "Name channels.")
    if edit.cells is not None:
        raise RefusedEdit(
            f"{called} has a factor a row and one a column, none of a single place.",
            "Name channels.",
        )
    channels = strips_of(site).channels or 0
    beyond = [one for one in edit.channels or () if one >= channels]
    if beyond:
        raise RefusedEdit(f"{called} has no channel {beyond[0]}.", f"They are 0 to {channels - 1}.")
    value = edit.value if edit.edit == "set" else VALUES[edit.edit]
    assert value is not None
    return Factor(value, edit.channels, None)
