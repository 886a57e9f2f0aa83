"""How far two answers are apart, and what of an analysis is asked for."""

import base64
import math

import numpy as np
import pytest

from benchmarks.devices import furthest, routes


def test_numbers_are_compared_as_a_share_of_the_largest_of_their_row() -> None:
    one = {"values": [[1.0, 4.0], [0.0, -2.0]], "sentence": "most on 1"}
    other = {"values": [[1.0, 4.0], [0.5, -2.0]], "sentence": "most on 2"}
    assert furthest(one, one) == 0
    assert furthest(one, other) == pytest.approx(0.25)
    assert furthest({"score": 0.25}, {"score": 0.5}) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "other",
    [{"values": [1.0]}, {"values": [1.0, None]}, {"shape": [2]}, {"values": "many"}, None],
    ids=["shorter", "a hole", "another name", "words", "nothing"],
)
def test_what_is_shaped_otherwise_is_infinitely_far(other: object) -> None:
    assert math.isinf(furthest({"values": [1.0, 2.0]}, other))
    assert math.isinf(furthest(other, {"values": [1.0, 2.0]}))


def test_plotly_arrays_are_read() -> None:
    def written(*values: float) -> dict[str, str]:
        raw = np.array(values, dtype="f4").tobytes()
        return {"dtype": "f4", "bdata": base64.b64encode(raw).decode()}

    assert furthest({"z": written(1, 2)}, {"z": written(1, 2.5)}) == pytest.approx(0.25)


def test_every_kind_of_site_is_asked_about() -> None:
    kinds = ("attention", "channel-gate", "spatial-gate", "spatial-transformer")
    sites = [{"id": f"s0{index}", "kind": kind} for index, kind in enumerate(kinds)]
    asked = list(routes({"sites": sites, "output": {"kind": "mask"}}))
    assert len(asked) == len(set(asked))
    for part in ("s00/attention", "s01/gate", "s02/features", "s03/grid/warped", "maps/rollout"):
        assert any(part in route for route in asked)
    assert asked[-1] == "mask"
