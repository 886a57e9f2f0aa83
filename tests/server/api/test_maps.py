"""Maps of the whole network over a socket, against the library's own."""

import base64
import copy
import io
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from fovea.models.methods import registry
from fovea.models.methods.base import Ask, Made, Method, Options, Subject
from fovea.models.preprocessing import prepare
from fovea.server.answers import methods
from fovea.server.engine.conclude import to_input
from tests.server.asking import at
from tests.server.conftest import WINDOWED, Running


def test_rollout(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/maps/rollout")
    answer = site.client.get(path).json()
    assert (answer["axes"], answer["shape"]) == (["row", "column"], [10, 10])
    total = np.sum(answer["values"]) + sum(answer["prefix_values"])
    assert total == pytest.approx(1, abs=1e-4)
    other = site.client.get(f"{path}?fusion=max&discard=0.9").json()
    assert other["values"] != answer["values"]
    for bad in ("discard=1", "discard=-0.1", "discard=nan", "discard=1e309", "fusion=all"):
        assert site.client.get(f"{path}?{bad}").status_code == 422, bad


FOR_A_CLASS = ("relevance", "gradient-rollout", "attention-grad-cam", "legrad")


@pytest.mark.parametrize("method", FOR_A_CLASS)
def test_maps_for_a_class(site: Running, analysis: dict[str, Any], method: str) -> None:
    path = at(analysis, f"/maps/{method}")
    predicted = analysis["predictions"][0]
    default = site.client.get(path).json()
    assert default["target"] == {"index": predicted["index"], "label": predicted["label"]}
    assert default["shape"] == [10, 10]
    named = site.client.get(path, params={"target": predicted["label"]}).json()
    assert named == default
    other = site.client.get(path, params={"target": predicted["index"] ^ 1}).json()
    assert other["values"] != default["values"]
    assert other["target"]["label"] in other["sentence"]
    refused = site.client.get(path, params={"target": "no such thing"})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-parameter")


@pytest.mark.parametrize("method", [*FOR_A_CLASS, "head-importance"])
def test_the_difference_of_two_classes(
    site: Running, analysis: dict[str, Any], method: str
) -> None:
    """Values of the one minus values of the other, bit for bit, with both classes named."""
    path = at(analysis, f"/maps/{method}")

    def values(**asked: int | str) -> NDArray[np.float32]:
        return np.array(site.client.get(path, params=asked).json()["values"], np.float32)

    label = site.client.get(f"/v1/models/{analysis['model']}").json()["labels"][7].split(",")[0]
    answer = site.client.get(path, params={"target": 3, "against": label}).json()
    assert answer["target"]["index"] == 3
    assert answer["against"]["index"] == 7
    named = [answer[one]["label"] for one in ("target", "against")]
    assert named[1].split(",")[0] == label
    assert answer["sentence"].endswith(f"for {named[0]} minus {named[1]}")
    difference = np.array(answer["values"], np.float32)
    np.testing.assert_array_equal(difference, values(target=3) - values(target=7))
    assert np.abs(difference).max() > 0
    np.testing.assert_array_equal(difference, -values(target=7, against=3))
    for against in ("3", "no such thing", "1e9"):
        refused = site.client.get(path, params={"target": 3, "against": against})
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-parameter")
        assert refused.json()["detail"].startswith(f"against={against!r}")


def test_rollout_as_vit_explain_defines_it(site: Running, analysis: dict[str, Any]) -> None:
    """Its own share is discarded unless another one is named; then only the words differ."""
    path = at(analysis, "/maps/rollout")
    usual = site.client.get(path, params={"variant": "vit-explain"}).json()
    assert (usual["variant"], usual["fusion"]) == ("vit-explain", "mean")
    assert "90%" in usual["sentence"]
    assert "vit-explain" in usual["sentence"]
    same = site.client.get(path, params={"discard": 0.9}).json()
    assert usual["values"] == same["values"]
    whole = site.client.get(path, params={"variant": "vit-explain", "discard": 0}).json()
    assert whole["values"] == site.client.get(path).json()["values"]
    assert site.client.get(f"{path}?variant=other").status_code == 422


def test_grad_cam_of_a_convolutional_network(site: Running, gated: dict[str, Any]) -> None:
    """By the definition, from the network itself: α_c = mean ∂y/∂F_c, (Σ α_c·F_c)⁺."""
    answer = site.client.get(at(gated, "/maps/grad-cam?target=5")).json()
    loaded = site.engine.shelf.loaded(gated["model"])
    inputs, _ = to_input(site.engine.store.get(gated["id"]).photo, loaded.spec)
    network = copy.deepcopy(loaded.module).double()
    features = network.forward_features(inputs.double()).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network.forward_head(features)[0, 5], features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1)[0].clamp(min=0).detach()
    assert answer["shape"] == list(expected.shape)
    assert np.abs(np.array(answer["values"]) - expected.numpy()).max() <= 1e-4 * expected.max()
    drawn = site.client.get(at(gated, "/maps/grad-cam"), headers={"Accept": "image/png"})
    assert Image.open(io.BytesIO(drawn.content)).size == (200, 120)


def test_head_importance_as_numbers_and_as_a_figure(
    site: Running, analysis: dict[str, Any]
) -> None:
    answer = site.client.get(at(analysis, "/maps/head-importance?target=3")).json()
    sites = [s for s in analysis["sites"] if s["kind"] == "attention"]
    assert answer["axes"] == ["layer", "head"]
    assert answer["shape"] == [len(sites), sites[0]["heads"]]
    figure = site.client.get(at(analysis, "/figures/head-importance?target=3")).json()
    drawn = np.frombuffer(base64.b64decode(figure["data"][0]["z"]["bdata"]), np.float32)
    assert drawn.tolist() == pytest.approx(np.ravel(answer["values"]).tolist())
    assert answer["target"]["label"] in figure["layout"]["title"]["text"]


def test_maps_that_a_network_cannot_have_say_why(
    site: Running, analysis: dict[str, Any], gated: dict[str, Any]
) -> None:
    for path, why in (
        (at(analysis, "/maps/grad-cam"), "attention-grad-cam"),
        (at(gated, "/maps/legrad"), "self-attention"),
        (at(gated, "/maps/relevance"), "self-attention"),
        (at(gated, "/figures/head-importance"), "attention"),
    ):
        answer = site.client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")
        assert why in answer.json()["detail"]


def test_relevance_equals_the_matrix_form(
    site: Running, analysis: dict[str, Any], picture: Callable[[int], bytes]
) -> None:
    """Over the wire and over again by hand: float64, unfused, every matrix in the graph."""
    loaded = site.engine.shelf.loaded(analysis["model"])
    pixels = torch.tensor(np.asarray(Image.open(io.BytesIO(picture(0))))).permute(2, 0, 1)
    inputs, _ = prepare(pixels, loaded.spec.preprocessing)
    network = copy.deepcopy(loaded.module).double()
    matrices: list[torch.Tensor] = []
    for block in network.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, out: matrices.append(out))
    logits = network(inputs.double().requires_grad_())
    gradients = torch.autograd.grad(logits[0, 3], matrices)
    total = torch.eye(matrices[0].shape[-1], dtype=torch.float64)
    for matrix, gradient in zip(matrices, gradients, strict=True):
        total = total + (matrix.detach() * gradient)[0].clamp(min=0).mean(0) @ total
    answer = site.client.get(at(analysis, "/maps/relevance?target=3")).json()
    expected = total[0, -100:].reshape(10, 10).numpy()
    assert np.abs(np.array(answer["values"]) - expected).max() <= 1e-4 * expected.max()


def test_token_lengths_are_a_row_of_the_stream(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/maps/token-lengths")
    additions = site.client.get(at(analysis, "/sites/s01/stream")).json()["additions"]
    after = [one for one in additions if one["kind"] == "feed-forward"]
    for asked, expected in (("?site=s01", after[1]["after"]), ("", additions[-1]["after"])):
        answer = site.client.get(path + asked).json()
        told = [*answer["prefix_values"], *np.ravel(answer["values"])]
        np.testing.assert_allclose(told, expected, rtol=1e-6)
    drawn = site.client.get(path, headers={"Accept": "image/png"})
    assert Image.open(io.BytesIO(drawn.content)).size == (200, 120)
    assert site.client.get(path + "?site=s99").status_code == 404


def test_what_all_tokens_look_at_is_the_mean_of_the_matrix(
    site: Running, analysis: dict[str, Any]
) -> None:
    path = at(analysis, "/maps/received?site=s01&head=all")
    answer = site.client.get(path).json()
    matrix = site.client.get(at(analysis, "/sites/s01/attention?query=all&head=all")).json()
    expected = np.array(matrix["values"]).mean(1)
    assert answer["axes"] == ["head", "row", "column"]
    told = np.concatenate(
        [answer["prefix_values"], np.reshape(answer["values"], (len(expected), -1))], axis=1
    )
    np.testing.assert_allclose(told, expected, atol=1e-6)
    last = site.client.get(at(analysis, "/maps/received")).json()
    assert (last["site"], last["head"]) == (analysis["sites"][-1]["id"], "mean")


def test_what_is_looked_at_in_windows_covers_the_photo(
    site: Running, picture: Callable[[int], bytes], gated: dict[str, Any]
) -> None:
    windowed = site.analyse(picture(0), WINDOWED)
    inside = next(row for row in windowed["sites"] if row["windows"])
    answer = site.client.get(at(windowed, f"/maps/received?site={inside['id']}")).json()
    grid = inside["key_grid"]
    assert answer["shape"] == [grid["rows"], grid["columns"]]
    assert answer["non_finite"] == 0
    assert np.sum(answer["values"]) == pytest.approx(inside["windows"], rel=1e-4)
    refused = site.client.get(at(gated, "/maps/received?site=s00"))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/map-not-possible")


def test_token_lengths_of_what_has_no_tokens_are_refused(
    site: Running, gated: dict[str, Any]
) -> None:
    refused = site.client.get(at(gated, "/maps/token-lengths"))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/map-not-possible")


def test_dino_keeps_the_heaviest_patches(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/maps/dino")
    few = np.array(site.client.get(f"{path}?mass=0.1&head=all").json()["values"])
    most = np.array(site.client.get(f"{path}?mass=0.9&head=all").json()["values"])
    assert few.shape == (2, 10, 10)
    assert ((few > 0) <= (most > 0)).all()
    assert 0 < (few > 0).sum() < (most > 0).sum()
    for bad in ("mass=0", "mass=1.1", "mass=nan", "head=7"):
        assert site.client.get(f"{path}?{bad}").status_code == 422, bad


def test_rollout_needs_attention(site: Running, gated: dict[str, Any]) -> None:
    response = site.client.get(at(gated, "/maps/rollout"))
    assert (response.status_code, response.json()["type"]) == (409, "/problems/map-not-possible")


def test_positions_are_the_same_for_every_photo(
    site: Running, analysis: dict[str, Any], picture: Callable[[int], bytes]
) -> None:
    answer = site.client.get(at(analysis, "/maps/positions?query=4,7")).json()
    assert (answer["axes"], answer["shape"]) == (["row", "column"], [10, 10])
    values = np.array(answer["values"])
    assert values[4, 7] == pytest.approx(1, abs=1e-5)
    assert np.abs(values).max() <= 1 + 1e-5
    other = np.array(site.client.get(at(analysis, "/maps/positions?query=2,3")).json()["values"])
    assert values[2, 3] == pytest.approx(other[4, 7], abs=1e-6)
    assert np.linalg.norm(answer["vector"]) > 0
    again = site.analyse(picture(1))
    assert (
        site.client.get(at(again, "/maps/positions?query=4,7")).json()["values"] == answer["values"]
    )
    outside = site.client.get(at(analysis, "/maps/positions?query=10,0"))
    assert (outside.status_code, "0 to 9" in outside.json()["detail"]) == (422, True)


def test_a_network_without_positions_says_so(site: Running, gated: dict[str, Any]) -> None:
    refused = site.client.get(at(gated, "/maps/positions"))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/map-not-possible")
    assert "adds no position" in refused.json()["detail"]


def test_maps_are_not_made_by_the_thread_that_answers_the_others(
    serve: Callable[..., Running], picture: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    made = server.analyse(picture(3))
    threads = []
    named = registry.method

    def watched(name: str) -> Method:
        own = named(name)

        def make(subject: Subject, chosen: Options) -> Made | Ask:
            threads.append(threading.current_thread().name)
            return own.make(subject, chosen)

        return replace(own, make=make)

    monkeypatch.setattr(methods, "method", watched)
    for path in ("/maps/rollout", "/maps/received", "/figures/head-importance"):
        server.client.get(at(made, path)).raise_for_status()
    assert len(threads) == 3
    assert all(name.startswith("answer") for name in threads)
