"""Named arrays as bytes."""

import io
import json

import numpy as np
import pytest
import safetensors.numpy

from fovea.server.answers.named_array import NamedArray
from fovea.server.problems import TooLargeForJson
from fovea.server.wire.encode import to_json, to_npy, to_safetensors

VALUES = np.array([[0.1, np.nan], [np.inf, -np.inf]], dtype=np.float32)
ARRAY = NamedArray(VALUES, ("row", "column"), "A map", np.array([0.5], np.float32), {"site": "s00"})


def test_json_carries_what_is_not_a_number_as_null_and_counts_it() -> None:
    answer = json.loads(to_json(ARRAY, 1_000))
    assert answer == {
        "site": "s00",
        "sentence": "A map",
        "axes": ["row", "column"],
        "shape": [2, 2],
        "values": [[0.1, None], [None, None]],
        "prefix_values": [0.5],
        "non_finite": 3,
    }


def test_json_numbers_are_short_and_exact() -> None:
    values = np.random.default_rng(0).random((30, 30), dtype=np.float32)
    answer = to_json(NamedArray(values, ("row", "column"), ""), 100_000)
    assert len(answer) < 13 * values.size
    assert np.array_equal(np.array(json.loads(answer)["values"], np.float32), values)


@pytest.mark.parametrize("side", [40, 4000])
def test_json_is_refused_not_cut(side: int) -> None:
    with pytest.raises(TooLargeForJson) as raised:
        to_json(NamedArray(np.zeros((side, side), np.float32), ("a", "b"), ""), 5_000)
    assert raised.value.limit == 5_000
    assert raised.value.actual is not None
    assert raised.value.actual > 5_000


def test_binary_forms_carry_everything() -> None:
    np.testing.assert_array_equal(np.load(io.BytesIO(to_npy(ARRAY))), VALUES)
    packed = to_safetensors(ARRAY)
    tensors = safetensors.numpy.load(packed)
    np.testing.assert_array_equal(tensors["values"], VALUES)
    np.testing.assert_array_equal(tensors["prefix_values"], [0.5])
    header = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])["__metadata__"]
    assert header["sentence"] == "A map"
    assert json.loads(header["axes"]) == {"values": ["row", "column"], "prefix_values": ["prefix"]}


def test_views_that_are_not_contiguous_are_packed_right() -> None:
    turned = NamedArray(VALUES.T, ("row", "column"), "")
    np.testing.assert_array_equal(
        safetensors.numpy.load(to_safetensors(turned))["values"], VALUES.T
    )
    np.testing.assert_array_equal(np.load(io.BytesIO(to_npy(turned))), VALUES.T)
