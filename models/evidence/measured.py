"""Which map holds what, measured over many photos: what documents, server and page tell of it.

measured.json is written by `make evidence`; docs/evidence.md has the protocol. Networks that were
not measured have nothing here.
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
    """What a mean and its standard error say: two of these count as a difference."""
    if gain > 2 * error:
        return "better"
    return "worse" if gain < -2 * error else "no better"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a map did on one network.

    rank: 1 is the best of that network's maps · photos: how many · score: insertion less deletion,
    the mean over photos; higher is better · error: its standard error · centre: a centred
    Gaussian's score on the same photos · gain, gain_error: by how much the map's is more, photo by
    photo.
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
        """Than the centred Gaussian, by two standard errors of the difference."""
        return verdict(self.gain, self.gain_error)


def standing(network: str, name: str) -> Standing | None:
    """Of a map, by its name, on a network, by its id; None where that was not measured."""
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
