"""Which map to believe: the page, the server's list and the file say the same; figures by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.evidence.page import page
from benchmarks.evidence.report import measured
from fovea.models.evidence.measured import FILE, standing, verdict
from fovea.models.methods.registry import NAMES

PAGE = Path(__file__).parents[2] / "docs/evidence.md"


def told() -> Any:
    return json.loads(FILE.read_text("utf-8"))


def test_the_page_is_what_was_measured() -> None:
    assert page(told()) == PAGE.read_text("utf-8")


def test_maps_stand_in_their_order_with_a_verdict_that_follows() -> None:
    for network, found in told()["networks"].items():
        scores = [one["both"]["mean"] for one in found["maps"].values()]
        assert scores == sorted(scores, reverse=True)
        assert set(found["maps"]) <= set(NAMES)
        for rank, name in enumerate(found["maps"], start=1):
            own = standing(network, name)
            assert own is not None
            assert (own.rank, own.photos) == (rank, found["photos"])
            assert own.verdict == verdict(own.gain, own.gain_error)
    assert standing("vit", "mask") is None
    assert standing("somebody's", "rollout") is None


def line(number: int, deletion: float, insertion: float, centre: tuple[float, float]) -> Any:
    beside = {
        "deletion": {"centre": centre[0], "edges": 0.5, "random": 0.5},
        "insertion": {"centre": centre[1], "edges": 0.5, "random": 0.5},
    }
    scores = {"deletion": {"rollout": deletion}, "insertion": {"rollout": insertion}, "road": {}}
    return {"key": number, "seconds": 6.0, "scores": scores, "beside": {"rollout": beside}}


def test_figures_are_means_with_their_standard_errors() -> None:
    given = [(0.2, 0.6), (0.3, 0.5), (0.1, 0.9)]
    centres = [(0.3, 0.5), (0.2, 0.4), (0.2, 0.6)]
    lines = [
        line(number, *one, centre)
        for number, (one, centre) in enumerate(zip(given, centres, strict=True))
    ]
    mosaic = {"rollout": {"share": 0.4, "highest": 1.0}}
    lines += [{"key": f"mosaic/{n}", "seconds": 6.0, "maps": mosaic} for n in range(2)]
    found = measured(lines)
    own = found["maps"]["rollout"]
    both = np.array([b - a for a, b in given])
    error = both.std(ddof=1) / np.sqrt(3)
    assert own["both"]["mean"] == pytest.approx(both.mean(), abs=1e-4)
    assert own["both"]["error"] == pytest.approx(error, abs=1e-4)
    gains = both - np.array([b - a for a, b in centres])
    assert own["gain"]["mean"] == pytest.approx(gains.mean(), abs=1e-4)
    assert own["gain"]["error"] == pytest.approx(gains.std(ddof=1) / np.sqrt(3), abs=1e-4)
    assert (own["road"], own["share"]["mean"], own["share"]["n"]) == (None, 0.4, 2)
    assert (found["photos"], found["mosaics"], found["minutes"]) == (3, 2, 0.5)


@pytest.mark.parametrize(
    ("gain", "error", "said"),
    [(0.3, 0.1, "better"), (0.2, 0.1, "no better"), (-0.1, 0.1, "no better"), (-0.3, 0.1, "worse")],
)
def test_two_standard_errors_are_a_difference(gain: float, error: float, said: str) -> None:
    assert verdict(gain, error) == said
