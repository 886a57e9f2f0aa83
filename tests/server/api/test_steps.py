"""A mechanism's steps over a socket: what is asked, in which forms, and what is refused."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from fovea.models.catalog.shipped import bundled
from fovea.server.wire import schemas
from tests.server.asking import NPY, SAFETENSORS, at, npy
from tests.server.conftest import WINDOWED, Running

SIGNS = bundled()["stn_signs"].preprocessing
assert SIGNS is not None
MEAN, STD = np.array(SIGNS.mean), np.array(SIGNS.std)


def named(answer: dict[str, Any]) -> dict[str, Any]:
    """The values of the steps by their names."""
    steps = schemas.Steps.model_validate(answer).steps
    return {step.name: np.array(step.values, dtype=float) for step in steps}


def test_one_token_of_one_head_step_by_step(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s03/steps?query=4,7&head=1")
    response = site.client.get(path)
    answer = response.json()
    told = "Layer 3, head 1: how the patch at row 4, column 7 comes to its output"
    assert (answer["sentence"], answer["head"], answer["query"]) == (told, 1, 48)
    steps = named(answer)
    row = site.client.get(at(analysis, "/sites/s03/attention?query=4,7&head=1")).json()
    shares = [*row["prefix_values"], *np.ravel(row["values"])]
    np.testing.assert_allclose(steps["softmax"], shares, atol=1e-6)
    scaled = np.exp(steps["scaled"] - steps["scaled"].max())
    np.testing.assert_allclose(scaled / scaled.sum(), shares, atol=1e-6)
    most = int(np.argmax(shares))
    assert steps["query"] @ steps["key"] == pytest.approx(steps["scores"][most], rel=1e-4)
    np.testing.assert_allclose(steps["heads"][1], steps["output"], atol=1e-6)
    again = site.client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_another_key_is_shown_beside(site: Running, analysis: dict[str, Any]) -> None:
    answer = site.client.get(at(analysis, "/sites/s03/steps?query=cls&key=0,0")).json()
    assert (answer["query"], answer["key"]) == (0, 1)
    sentences = {step["name"]: step["sentence"] for step in answer["steps"]}
    assert sentences["value"] == "what the patch at row 0, column 0 gives"
    steps = named(answer)
    assert steps["query"] @ steps["key"] == pytest.approx(steps["scores"][1], rel=1e-4)


def test_what_each_layer_adds_to_every_token(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s03/stream")
    response = site.client.get(path)
    told = schemas.Stream.model_validate(response.json())
    attention = [row["id"] for row in analysis["sites"]]
    assert [one.site for one in told.additions if one.kind == "attention"] == attention
    tensors = safetensors.numpy.load(site.client.get(path, headers=SAFETENSORS).content)
    shape = (len(told.additions), told.tokens)
    assert {name: array.shape for name, array in tensors.items()} == dict.fromkeys(
        ("before", "added", "after", "kept"), shape
    )
    for number, one in enumerate(told.additions):
        np.testing.assert_allclose(one.after, tensors["after"][number])
        if number:
            np.testing.assert_allclose(one.before, told.additions[number - 1].after, rtol=1e-5)
    again = site.client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_only_patches_that_look_at_each_other_are_followed(
    site: Running, picture: Callable[[int], bytes], gated: dict[str, Any]
) -> None:
    refused = site.client.get(at(gated, "/sites/s00/stream"))
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/wrong-kind")
    windowed = site.analyse(picture(0), WINDOWED)
    inside = next(row["id"] for row in windowed["sites"] if row["windows"])
    refused = site.client.get(at(windowed, f"/sites/{inside}/stream"))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/map-not-possible")


def test_the_steps_of_a_gate_end_in_its_weights(site: Running, gated: dict[str, Any]) -> None:
    answer = site.client.get(at(gated, "/sites/s00/steps")).json()
    steps = named(answer)
    weights = site.client.get(at(gated, "/sites/s00/gate")).json()["values"]
    np.testing.assert_allclose(steps["sigmoid"], weights, atol=1e-6)
    features = npy(site.client.get(at(gated, "/sites/s00/features?channel=5"), headers=NPY))
    assert steps["mean"][5] == pytest.approx(features.mean(), abs=1e-5)


def test_as_safetensors_every_step_is_an_array(site: Running, gated: dict[str, Any]) -> None:
    packed = site.client.get(at(gated, "/sites/s00/steps"), headers=SAFETENSORS).content
    header = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])["__metadata__"]
    arrays = safetensors.numpy.load(packed)
    assert list(json.loads(header["steps"])) == sorted(arrays)
    assert json.loads(header["axes"])["00 mean"] == ["channel"]
    assert arrays["00 mean"].shape == (128,)


def test_in_windows_a_place_is_asked_about(site: Running, picture: Callable[[int], bytes]) -> None:
    windowed = site.analyse(picture(0), WINDOWED)
    summary = next(one for one in windowed["sites"] if one["kind"] == "attention")
    path = at(windowed, f"/sites/{summary['id']}")
    answer = site.client.get(f"{path}/steps?query=5,8").json()
    seen = site.client.get(f"{path}/attention?query=5,8&head=0").json()["values"]
    there = [value for row in seen for value in row if value is not None]
    np.testing.assert_allclose(sorted(named(answer)["softmax"]), sorted(there), atol=1e-6)


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ("query=10,0", "rows are 0 to 9"),
        ("query=all", "one token"),
        ("key=all", "one token"),
        ("head=2", "head='2' does not exist"),
        ("key=101", "tokens 0 to 100"),
        ("head=-1", "head"),
        ("window=3", "windows 0 to 0"),
    ],
)
def test_what_cannot_be_asked_says_what_can(
    site: Running, analysis: dict[str, Any], asked: str, detail: str
) -> None:
    response = site.client.get(at(analysis, f"/sites/s03/steps?{asked}"))
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-parameter")
    assert detail in response.json()["detail"]


def test_a_sampler_tells_of_a_pixel(site: Running, picture: Callable[[int], bytes]) -> None:
    seen = site.analyse(picture(0), "stn_signs")
    path = at(seen, "/sites/s00")
    raw = npy(site.client.get(f"{path}/grid/warped", headers=NPY))
    picture = npy(site.client.get(f"{path}/grid/warped?values=picture", headers=NPY))
    steps = named(site.client.get(f"{path}/steps?query=3,4").json())
    np.testing.assert_allclose(steps["read"], raw[:, 3, 4], atol=1e-5)
    np.testing.assert_allclose(steps["read"], (picture[:, 3, 4] - MEAN) / STD, atol=1e-5)
    assert steps["neighbours"][:, 2].sum() == pytest.approx(1, abs=1e-5)
    theta, here = steps["theta"], np.append(steps["output point"], 1)
    np.testing.assert_allclose(theta @ here, steps["source point"], atol=1e-5)
    for wrong in ("32,0", "x", "-1,0", "1"):
        response = site.client.get(f"{path}/steps?query={wrong}")
        assert (response.status_code, "0 to 31" in response.json()["detail"]) == (422, True)


def test_what_a_layer_learnt_to_let_in_is_one_number(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    steps = named(
        site.client.get(at(site.analyse(picture(0), "sa_resnet"), "/sites/s00/steps")).json()
    )
    assert steps["γ"].shape == ()
    assert steps["γ"] != 0
    assert len(steps["added"]) == len(steps["output"])


def test_a_token_goes_through_its_block(site: Running, analysis: dict[str, Any]) -> None:
    """The lengths are those of the residual stream; the norm follows from what stands there."""
    path = at(analysis, "/sites/s03/block?query=4,7")
    answer = site.client.get(path).json()
    assert answer["sentence"] == ("Layer 3: what its block does to the patch at row 4, column 7")
    steps = schemas.Steps.model_validate(answer).steps
    values = [np.array(one.values, dtype=float) for one in steps]
    names = [one.name for one in steps]
    stream = site.client.get(at(analysis, "/sites/s03/stream")).json()["additions"]
    own = next(i for i, one in enumerate(stream) if one["site"] == "s03")
    token = answer["query"]
    for name, wanted in (
        ("token", stream[own]["before"]),
        ("attention", stream[own]["added"]),
        ("sum", stream[own]["after"]),
        ("feed-forward", stream[own + 1]["added"]),
    ):
        length = np.linalg.norm(values[names.index(name)])
        assert length == pytest.approx(wanted[token], rel=1e-4)
    mean, variance, normal, gain, bias, norm = values[1:7]
    assert mean == pytest.approx(values[0].mean(), abs=1e-6)
    assert variance == pytest.approx(values[0].var(), rel=1e-5)
    np.testing.assert_allclose(gain * normal + bias, norm, atol=1e-5)
    packed = site.client.get(path, headers=SAFETENSORS).content
    assert "00 token" in safetensors.numpy.load(packed)


@pytest.mark.parametrize(("query", "status"), [("99,0", 422), ("all", 422)])
def test_a_block_is_of_one_token(
    site: Running, analysis: dict[str, Any], query: str, status: int
) -> None:
    path = at(analysis, f"/sites/s03/block?query={query}")
    assert site.client.get(path).status_code == status


def test_a_gate_has_no_block(site: Running, gated: dict[str, Any]) -> None:
    answer = site.client.get(at(gated, "/sites/s00/block"))
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/wrong-kind")
