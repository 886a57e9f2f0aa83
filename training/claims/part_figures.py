"""From the effects of parts, photo by photo, to figures with the spread over draws of photos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import isnan
from statistics import fmean, stdev
from typing import Any

import torch

from fovea.models.evidence.ranking import spearman

LITTLE = 0.01
"""A part that costs the class less than this much of its probability."""
KINDS = ("head", "layer", "gate", "channel")
Line = Mapping[str, Any]


def figure(values: Iterable[float | None]) -> dict[str, Any] | None:
    """values, mean and standard deviation (n − 1) of one number a draw; None where one is none."""
    given = list(values)
    known = [one for one in given if one is not None and not isnan(one)]
    if len(known) < 2 or len(known) < len(given):
        return None
    return {
        "values": [round(one, 5) for one in known],
        "mean": round(fmean(known), 5),
        "deviation": round(stdev(known), 5),
    }


def summary(lines: Sequence[Line]) -> dict[str, Any]:
    """Of one network: what its parts of each kind are worth, and what maps predict of patches."""
    by_key = {line["key"]: line for line in lines}
    whole = by_key.get("whole/0/0", {})
    sites = whole.get("sites", {})
    right = whole.get("right", [])
    found: dict[str, Any] = {
        "minutes": round(sum(line["seconds"] for line in lines) / 60, 1),
        "accuracy": figure(fmean(one) for one in right),
        "sites": sites,
    }
    for kind in KINDS:
        parts = {
            key: line
            for key, line in by_key.items()
            if key.startswith(f"{kind}/") and "logit" in line
        }
        if parts:
            found[kind] = _of_kind(parts, right)
    found["rho"] = _rho(by_key)
    return found


def _of_kind(parts: Mapping[str, Line], right: Sequence[Sequence[bool]]) -> dict[str, Any]:
    """worth: mean effect of a part on the logit and the probability of the class · little: share of
    parts that cost under LITTLE of the probability in the mean · stable: Spearman's ρ of the parts'
    effects in one draw with those in another · most: the part with the largest effect on the
    probability · by_site: mean effect of each site's parts on the probability.
    """
    draws = range(len(next(iter(parts.values()))["logit"]))

    def mean_of(what: str, key: str, draw: int) -> float:
        return fmean(parts[key][what][draw])

    tables = {
        what: [[mean_of(what, key, draw) for key in parts] for draw in draws]
        for what in ("logit", "probability")
    }
    overall = {key: fmean(mean_of("probability", key, draw) for draw in draws) for key in parts}
    best = max(overall, key=overall.__getitem__)
    by_site: dict[str, list[str]] = defaultdict(list)
    for key in parts:
        by_site[key.split("/")[1]].append(key)
    photos = len(parts[best]["right"][0])
    lost = [
        100 * (fmean(right[draw][:photos]) - fmean(parts[best]["right"][draw])) for draw in draws
    ]
    return {
        "parts": len(parts),
        "photos": photos,
        "logit": figure(fmean(row) for row in tables["logit"]),
        "probability": figure(fmean(row) for row in tables["probability"]),
        "little": figure(fmean(one < LITTLE for one in row) for row in tables["probability"]),
        "stable": figure(
            spearman(torch.tensor(one), torch.tensor(other))
            for one, other in combinations(tables["probability"], 2)
        ),
        "most": {
            "part": best,
            "logit": figure(mean_of("logit", best, draw) for draw in draws),
            "probability": figure(mean_of("probability", best, draw) for draw in draws),
            "points_of_accuracy": figure(lost),
        },
        "by_site": {
            site: figure(
                fmean(mean_of("probability", key, draw) for key in keys) for draw in draws
            )
            for site, keys in by_site.items()
        },
    }  # fmt: skip


def _rho(by_key: Mapping[str, Line]) -> dict[str, Any]:
    """Of every map, and of what knows nothing on the same cells: the mean over a draw's photos."""
    gathered: dict[str, dict[str, dict[int, list[float]]]] = {}
    for key, line in by_key.items():
        kind, draw, _ = key.split("/")
        if kind != "patches":
            continue
        for name, own in line["maps"].items():
            table = gathered.setdefault(name, {})
            for what in ("rho", "centre", "edges", "random"):
                if not isnan(own[what]):
                    table.setdefault(what, {}).setdefault(int(draw), []).append(own[what])
    rows = {
        name: {
            what: figure(fmean(values) for _, values in sorted(by_draw.items()))
            for what, by_draw in table.items()
        }
        for name, table in gathered.items()
    }
    order = sorted(rows, key=lambda name: -((rows[name].get("rho") or {"mean": -2})["mean"]))
    return {name: rows[name] for name in order}
