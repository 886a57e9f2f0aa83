"""Edits a running gate: its factor is replaced before it multiplies the feature map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fovea.models.edits import Edit, RefusedEdit
from fovea.models.records import Site


@dataclass(frozen=True, slots=True)
class Factor:
    """value: the new factor, or "mean" for its mean over this photo. channels, cells: where; None
    for all.
    """

    value: float | Literal["mean"]
    channels: tuple[int, ...] | None = None
    cells: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The change at one gate, in order."""

    factors: tuple[Factor, ...]


def edited(gate: Tensor, change: Change) -> Tensor:
    """The factor with edits applied: (batch, channel, 1, 1), (batch, 1, row, column), or one mask
    for each channel.
    """
    for one in change.factors:
        value: Tensor | float = (
            one.value if one.value != "mean" else gate.mean((1, 2, 3), keepdim=True).expand_as(gate)
        )
        here = _where(one, gate)
        gate = torch.where(here, torch.as_tensor(value).to(gate), gate)
    return gate


def _where(factor: Factor, gate: Tensor) -> Tensor:
    here = torch.zeros(gate.shape[1:], dtype=torch.bool, device=gate.device)
    if factor.channels is None and factor.cells is None:
        here[:] = True
    for channel in factor.channels or ():
        here[channel] = True
    for row, column in factor.cells or ():
        here[:, row, column] = True
    return here


VALUES: dict[str, float | Literal["mean"]] = {"open": 1.0, "shut": 0.0, "mean": "mean"}


def planned(edits: Sequence[Edit], site: Site) -> Change:
    """The changes at this gate, in order; raises RefusedEdit."""
    return Change(tuple(_factor(edit, site) for edit in edits))


def _factor(edit: Edit, site: Site) -> Factor:
    called = f"Site {site.id} ({site.name or 'the network itself'})"
    _, channels, rows, columns = site.gate.values.shape
    if edit.heads is not None:
        raise RefusedEdit(f"{called} is a gate; it has no heads.", "Name channels or cells.")
    if site.kind == "channel-gate":
        if edit.cells is not None:
            raise RefusedEdit(f"{called} has one factor a channel.", "Name channels.")
        beyond = [one for one in edit.channels or () if one >= channels]
        if beyond:
            raise RefusedEdit(
                f"{called} has no channel {beyond[0]}.", f"They are 0 to {channels - 1}."
            )
    else:
        if edit.channels is not None:
            raise RefusedEdit(f"{called} has one factor a place.", "Name cells, [row, column].")
        outside = [one for one in edit.cells or () if one[0] >= rows or one[1] >= columns]
        if outside:
            raise RefusedEdit(
                f"{called} has no row {outside[0][0]}, column {outside[0][1]}.",
                f"It has {rows} rows and {columns} columns.",
            )
    value = edit.value if edit.edit == "set" else VALUES[edit.edit]
    assert value is not None
    return Factor(value, edit.channels, edit.cells)
