"""Aggregates lines, one for each photo: means, standard errors and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, sqrt
from statistics import fmean, stdev
from typing import Any

from benchmarks.evidence.scoring import BASELINES, ROAD_SHARES, SHARES

Line = Mapping[str, Any]
MEASURES = ("deletion", "insertion", "road")


def figure(values: Sequence[float]) -> dict[str, float] | None:
    """Mean, standard error and number; None for fewer than two."""
    if len(values) < 2:
        return None
    return {
        "mean": round(fmean(values), 4),
        "error": round(stdev(values) / sqrt(len(values)), 4),
        "n": len(values),
    }


def measured(lines: Sequence[Line]) -> dict[str, Any]:
    """For one network: every map and the baselines, with each measure's figures.

    both: insertion minus deletion for each photo · gain: its advantage over a centred Gaussian on
    the same cells of the same photos.
    """
    photos = [line for line in lines if "scores" in line]
    mosaics = [line["maps"] for line in lines if "maps" in line]
    names = list(dict.fromkeys(name for line in photos for name in line["scores"]["deletion"]))
    maps = {name: _of_map(name, photos, mosaics) for name in names}
    first = names[0] if names else ""
    return {
        "photos": len(photos),
        "mosaics": len(mosaics),
        "minutes": round(sum(line["seconds"] for line in lines) / 60, 1),
        "maps": dict(sorted(maps.items(), key=lambda one: -(one[1]["both"] or _NONE)["mean"])),
        "baselines": {
            name: _figures([_beside(line, first, name) for line in photos]) for name in BASELINES
        },
    }


_NONE = {"mean": 0.0}
Scores = dict[str, float]
"""One map's results on one photo, by measure."""


def _own(line: Line, name: str) -> Scores:
    return {what: some[name] for what, some in line["scores"].items() if name in some}


def _beside(line: Line, name: str, baseline: str) -> Scores:
    """A baseline's results on the cells of a map."""
    return {what: some[baseline] for what, some in line["beside"][name].items()}


def _of_map(name: str, photos: Sequence[Line], mosaics: Sequence[Line]) -> dict[str, Any]:
    own = [_own(line, name) for line in photos]
    centre = [_beside(line, name, "centre") for line in photos]
    gains = [_both(one) - _both(other) for one, other in zip(own, centre, strict=True)]
    pointed = {
        what: figure([mosaic[name][what] for mosaic in mosaics if not isnan(mosaic[name][what])])
        for what in ("share", "highest")
    }
    return {**_figures(own), "gain": figure(gains), **pointed}


def _both(scores: Scores) -> float:
    return scores["insertion"] - scores["deletion"]


def _figures(photos: Sequence[Scores]) -> dict[str, Any]:
    """ROAD exists for some of the photos only."""
    found = {what: figure([photo[what] for photo in photos if what in photo]) for what in MEASURES}
    return {**found, "both": figure([_both(photo) for photo in photos])}


def protocol() -> dict[str, Any]:
    """The settings that the figures depend on."""
    return {"shares": list(SHARES), "road_shares": list(ROAD_SHARES)}
