"""From lines, one a photo, to what was measured: means, standard errors and numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
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
    """Of one network: every map and the baselines, each measure's figure.

    both: insertion less deletion, photo by photo · gain: by how much that is more than what a blob
    in the centre has on the same cells of the same photos.
    """
    photos = [line for line in lines if "scores" in line]
    mosaics = [line for line in lines if "maps" in line]
    names = list(dict.fromkeys(name for line in photos for name in line["scores"]["deletion"]))
    maps = {name: _of_map(name, photos, mosaics) for name in names}
    first = names[0] if names else ""
    return {
        "photos": len(photos),
        "mosaics": len(mosaics),
        "minutes": round(sum(line["seconds"] for line in lines) / 60, 1),
        "maps": dict(
            sorted(maps.items(), key=lambda one: -(one[1]["both"] or {"mean": 0})["mean"])
        ),
        "baselines": {
            name: _figures(photos, lambda line, what, name=name: line["beside"][first][what][name])
            for name in BASELINES
        },
    }


def _of_map(name: str, photos: Sequence[Line], mosaics: Sequence[Line]) -> dict[str, Any]:
    found = _figures(photos, lambda line, what: line["scores"][what][name])
    gains = [
        _both(lambda what, line=line: line["scores"][what][name])
        - _both(lambda what, line=line: line["beside"][name][what]["centre"])
        for line in photos
    ]
    found["gain"] = figure(gains)
    for what in ("share", "highest"):
        values = [line["maps"][name][what] for line in mosaics if name in line["maps"]]
        found[what] = figure([one for one in values if one == one])
    return found


def _both(of: Callable[[str], float]) -> float:
    return of("insertion") - of("deletion")


def _figures(photos: Sequence[Line], of: Callable[[Line, str], float]) -> dict[str, Any]:
    found = {
        what: figure(list(_known(photos, lambda line, what=what: of(line, what))))
        for what in MEASURES
    }
    found["both"] = figure([_both(lambda what, line=line: of(line, what)) for line in photos])
    return found


def _known(photos: Sequence[Line], of: Callable[[Line], float]) -> Iterable[float]:
    for line in photos:
        try:
            yield of(line)
        except KeyError:  # ROAD is of some of the photos
            continue


def protocol() -> dict[str, Any]:
    """What the figures depend on."""
    return {"shares": list(SHARES), "road_shares": list(ROAD_SHARES)}
