"""Edits of two photos in one batch, against each photo alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.coverage.edit_checks import CLOSE, Subject, differs, tensors_in
from fovea.models.editing.run import edited
from fovea.models.edits import Edit

BATCHED: dict[str, tuple[dict[str, Any], ...]] = {
    "attention": (
        {"edit": "off", "heads": [0]},
        {"edit": "mean", "heads": [0]},
        {"edit": "temperature", "temperature": 2.0, "heads": [0]},
        {"edit": "block", "queries": [0], "keys": [1]},
        {"edit": "block", "keys": [[0, 1]]},
    ),
    "gate": ({"edit": "shut", "channels": [1]}, {"edit": "mean"}),
    "warp": ({"edit": "identity"},),
}


def plain_of(subject: Subject, inputs: dict[str, Any]) -> list[Tensor]:
    """What the network answers without edits."""
    with torch.no_grad():
        return tensors_in(subject.module(**inputs))


def together(subject: Subject, change: Edit) -> str | None:
    """Two photos in one batch, against each alone."""

    def other(value: Any) -> Any:
        if isinstance(value, Tensor) and value.ndim >= 3 and value.is_floating_point():
            return value.flip(-1)
        return value

    def ask(inputs: dict[str, Any]) -> list[Tensor]:
        given = [one for one in inputs.values() if isinstance(one, Tensor)]
        with (
            torch.no_grad(),
            edited(subject.module, (change,), subject.trace, subject.layouts, given) as run,
        ):
            return tensors_in(run(**inputs))

    inputs = dict(subject.inputs)
    second = {name: other(value) for name, value in inputs.items()}
    both = {
        name: torch.cat([value, second[name]])
        if isinstance(value, Tensor) and value.ndim and value.shape[0] == 1
        else value
        for name, value in inputs.items()
    }
    with torch.no_grad():
        plain = tensors_in(subject.module(**both))
    if [one.shape[0] for one in plain] != [2 * one.shape[0] for one in subject.result]:
        return None  # it answers a batch as something else
    alone = [torch.cat(pair) for pair in zip(ask(inputs), ask(second), strict=True)]
    off_by = differs(ask(both), alone)
    if off_by <= CLOSE:
        return None
    unedited = [
        torch.cat(pair) for pair in zip(subject.result, plain_of(subject, second), strict=True)
    ]
    return None if differs(plain, unedited) > CLOSE else f"not as each alone: off by {off_by:.1e}"
