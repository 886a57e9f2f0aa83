"""The description of a gate's map, for `models/methods/gates.py`. Imports no torch, as the command
line reads it for its help.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateMap:
    """The factor of a kind of gate as a map; the fields are those of `methods.base.Method`."""

    kind: str
    title: str
    summary: str
    equation: str
    paper: str
    order: int = 50
    first: int | None = None
    on_photo: bool = True
