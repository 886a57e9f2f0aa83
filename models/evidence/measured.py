"""Measured scores of the maps over many photos, as shown by documents, server and page.

`make evidence` writes measured.json; docs/evidence.md describes the protocol. Networks that were
not measured are absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).with_name("measured.json")


Verdict = Literal["better", "no better", "worse"]


def verdict(gain: float, error: float) -> Verdict:
    """The words for a mean and its standard error: two errors count as a difference."""
    if gain > 2 * error:
        return "better"
    return "worse" if gain < -2 * error else "no better"


@dataclass(frozen=True, slots=True)
class Standing:
    """The score of a map on one network.

    rank: 1 for the best map of that network · photos: number · score: insertion minus deletion,
    averaged over photos; higher is better · error: its standard error · centre: score of a centred
    Gaussian on the same photos · gain, gain_error: the map's paired advantage over it, averaged
    over photos.
    """

    rank: int
    photos: int
    score: float
    error: float
    centre: float
    gain: float
    gain_error: float

    @property
    def verdict(self) -> Verdict:
        """Comparison with the centred Gaussian, at two standard errors of the difference."""
        return verdict(self.gain, self.gain_error)


def standing(network: str, name: str) -> Standing | None:
    """Of a map, by name, on a network, by id; None if not measured."""
    found = _networks().get(network)
    maps = {} if found is None else found["maps"]
    if found is None or name not in maps:
        return None
    own = maps[name]
    return Standing(
        rank=list(maps).index(name) + 1,
        photos=found["photos"],
        score=own["both"]["mean"],
        error=own["both"]["error"],
        centre=own["both"]["mean"] - own["gain"]["mean"],
        gain=own["gain"]["mean"],
        gain_error=own["gain"]["error"],
    )


@cache
def _networks() -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["networks"]
    return told
