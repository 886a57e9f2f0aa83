"""What a site answers over a socket: rows, columns, gates, feature maps, figures."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from fovea.models.catalog.catalog import bundled
from fovea.server.wire import schemas
from tests.server.asking import NPY, PNG, SAFETENSORS, at, npy
from tests.server.conftest import WINDOWED, Running


def test_a_row_is_the_same_in_every_representation(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s03/attention?query=4,7&head=1")
    answer = site.client.get(path).json()
    row = schemas.NamedArray.model_validate(answer)
    assert (row.axes, row.shape, row.non_finite) == (["row", "column"], [10, 10], 0)
    assert row.sentence == "Layer 3, head 1: what the patch at row 4, column 7 looks at"
    values = np.array(row.values, dtype=np.float32)
    assert row.prefix_values is not None
    assert values.sum() + sum(row.prefix_values) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(npy(site.client.get(path, headers=NPY)), values)
    packed = site.client.get(path, headers=SAFETENSORS).content
    assert np.array_equal(safetensors.numpy.load(packed)["values"], values)
    header = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])
    assert json.loads(header["__metadata__"]["axes"])["values"] == ["row", "column"]


def test_rows_columns_and_projections_agree_with_the_matrix(
    site: Running, analysis: dict[str, Any]
) -> None:
    path = at(analysis, "/sites/s02/attention")
    matrix = npy(site.client.get(f"{path}?query=all&head=all", headers=NPY))
    assert matrix.shape == (2, 101, 101)
    row = npy(site.client.get(f"{path}?query=cls&head=all", headers=NPY))
    assert row.shape == (2, 10, 10)
    np.testing.assert_allclose(row.reshape(2, 100), matrix[:, 0, 1:], atol=1e-6)
    column = npy(site.client.get(f"{path}?query=2,5&head=max&direction=to", headers=NPY))
    np.testing.assert_allclose(column.ravel(), matrix.max(0)[1:, 1 + 25], atol=1e-6)
    transposed = npy(site.client.get(f"{path}?query=all&direction=to", headers=NPY))
    np.testing.assert_allclose(transposed, matrix.mean(0).T, atol=1e-6)

    packed = site.client.get(at(analysis, "/sites/s02/projections"), headers=SAFETENSORS).content
    header = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])
    parts = safetensors.numpy.load(packed)
    scores = parts["query"] @ parts["key"].swapaxes(1, 2) * float(header["__metadata__"]["scale"])
    np.testing.assert_allclose(
        np.exp(scores - parts["log_normaliser"][:, :, None]), matrix, atol=1e-5
    )

    asked = at(analysis, "/sites/s02/projections?values=true")
    parts = safetensors.numpy.load(site.client.get(asked, headers=SAFETENSORS).content)
    np.testing.assert_allclose(parts["output"], matrix @ parts["value"], atol=1e-4)
    steps = site.client.get(at(analysis, "/sites/s02/steps?query=2,5&key=0,1&head=1")).json()[
        "steps"
    ]
    told = {step["name"]: step["values"] for step in steps}
    np.testing.assert_allclose(told["value"], parts["value"][1, 1 + 1], atol=1e-6)
    np.testing.assert_allclose(told["output"], parts["output"][1, 1 + 25], atol=1e-5)


def test_the_default_query_is_the_class_token(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s00/attention")
    assert site.client.get(path).json()["query"] == "cls"
    assert (
        site.client.get(path).json()["values"]
        == (site.client.get(f"{path}?query=0").json()["values"])
    )


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("query=10,0", "0 to 9"),
        ("query=0,10", "0 to 9"),
        ("query=101", "0 to 100"),
        ("query=-1", "'-1'"),
        ("query=nan", "'nan'"),
        ("query=1e309", "'1e309'"),
        ("query=99999999999999999999", "not understood"),
        ("head=2", "0 to 1"),
        ("head=median", "mean, max, min, all"),
        ("direction=sideways", "direction"),
        ("window=1", "0 to 0"),
        ("window=x", "window"),
    ],
)
def test_what_is_out_of_range_names_the_range(
    site: Running, analysis: dict[str, Any], query: str, named: str
) -> None:
    response = site.client.get(at(analysis, f"/sites/s00/attention?{query}"))
    problem = schemas.Problem.model_validate(response.json())
    assert (response.status_code, problem.type) == (422, "/problems/invalid-parameter")
    assert named in problem.detail


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/sites/s06/attention", "unknown-site"),
        ("/sites/%2e%2e/attention", "unknown-site"),
        ("/sites/s00/gate", "wrong-kind"),
        ("/sites/s00/features", "wrong-kind"),
        ("/sites/s00/grid", "wrong-kind"),
        ("/sites/s00/grid/warped", "wrong-kind"),
        ("/maps/relevance-of-nothing", "unknown-map"),
        ("/figures/pie", "unknown-figure"),
    ],
)
def test_what_is_not_there_names_what_is(
    site: Running, analysis: dict[str, Any], path: str, slug: str
) -> None:
    accept = {"Accept": "*/*"}
    response = site.client.get(at(analysis, path), headers=accept)
    assert (response.status_code, response.json()["type"]) == (404, f"/problems/{slug}")
    assert response.json()["valid"]


def test_channel_weights_and_feature_maps(site: Running, gated: dict[str, Any]) -> None:
    gate = gated["sites"][0]
    assert (gate["kind"], gate["channels"], gate["heads"]) == ("channel-gate", 128, None)
    answer = site.client.get(at(gated, "/sites/s00/gate")).json()
    assert (answer["axes"], answer["shape"]) == (["channel"], [128])
    assert all(0 <= value <= 1 for value in answer["values"])
    features = site.client.get(at(gated, "/sites/s00/features?channel=127")).json()
    assert (features["axes"], features["shape"]) == (["row", "column"], [10, 10])
    for channel in ("128", "-1", "nan"):
        response = site.client.get(at(gated, f"/sites/s00/features?channel={channel}"))
        assert response.status_code == 422


def test_windows_are_asked_about_by_place(site: Running, picture: Callable[[int], bytes]) -> None:
    """MobileViT attends among every second cell: a query sees a quarter of the grid, no more."""
    windowed = site.analyse(picture(0), WINDOWED)
    summary = next(one for one in windowed["sites"] if one["kind"] == "attention")
    assert (summary["grid"], summary["windows"]) == (None, 4)
    assert summary["query_grid"] == summary["key_grid"]
    # Strided odd convolutions: the middle of the first cell is the middle of the first pixel.
    placed = {"rows": 32, "columns": 32, "origin": [-3.5, -3.5], "stride": [8.0, 8.0]}
    assert summary["query_grid"].items() >= placed.items()
    path = at(windowed, f"/sites/{summary['id']}/attention")
    answer = site.client.get(path, params={"query": "5,8"}).json()
    seen = np.array(answer["values"], dtype=float)
    assert (answer["axes"], seen.shape) == (["row", "column"], (32, 32))
    assert np.isfinite(seen[1::2, 0::2]).all()
    assert np.isfinite(seen).sum() == answer["non_finite"] / 3 == 256
    assert np.nansum(seen) == pytest.approx(1, abs=1e-4)
    drawn = site.client.get(path, params={"query": "5,8"}, headers={"Accept": "image/png"})
    assert Image.open(io.BytesIO(drawn.content)).size == (200, 120)
    outside = site.client.get(path, params={"query": "32,0"})
    assert (outside.status_code, "0 to 31" in outside.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    "path",
    ["attention-matrix?site=s01&head=0", "attention-matrix", "attention-distance", "entropy"],
)
def test_figures_of_attention(site: Running, analysis: dict[str, Any], path: str) -> None:
    figure = site.client.get(at(analysis, f"/figures/{path}")).json()
    assert schemas.Figure.model_validate(figure).data
    assert "template" not in figure["layout"]
    assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"


def test_figures_by_layer_tell_of_windows_too(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    """TNT: the words of a patch of 16 px cannot look farther than across it; patches can."""
    seen = site.analyse(picture(0), "tnt")
    figures = {}
    for name in ("attention-distance", "entropy"):
        (dots,) = site.client.get(at(seen, f"/figures/{name}")).json()["data"]
        figures[name] = {layer: [] for layer in dots["x"]}
        for layer, value in zip(dots["x"], dots["y"], strict=True):
            figures[name][layer].append(value)
    attention = [row for row in seen["sites"] if row["kind"] == "attention"]
    for row in attention:
        assert len(figures["attention-distance"][row["layer"]]) == row["heads"]
        reached = max(figures["attention-distance"][row["layer"]])
        assert (reached < 16) == (row["windows"] is not None)
        assert all(0 < share <= 1 for share in figures["entropy"][row["layer"]])


def test_figures_of_gates(site: Running, gated: dict[str, Any]) -> None:
    figure = site.client.get(at(gated, "/figures/gate?site=s01")).json()
    assert figure["data"][0]["type"] == "bar"
    refused = site.client.get(at(gated, "/figures/attention-matrix?site=s01"))
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/wrong-kind")
    absent = site.client.get(at(gated, "/figures/entropy"))
    assert (absent.status_code, absent.json()["type"]) == (409, "/problems/map-not-possible")


@pytest.mark.parametrize("model", [id for id, spec in bundled().items() if spec.preprocessing])
def test_every_site_of_what_ships_answers_what_fits_it(
    site: Running, picture: Callable[[int], bytes], model: str
) -> None:
    seen = site.analyse(picture(0), model)
    assert seen["sites"], model
    assert len(seen["predictions"]) == 5 or bundled()[model].task != "classification"
    for row in seen["sites"]:
        for path in FITTING[row["kind"]]:
            if path == "projections" and not row["projections"]:
                continue
            url = at(seen, f"/sites/{row['id']}/{path}")
            answer = site.client.get(url, headers={"Accept": "application/x-npy, */*;q=0.5"})
            assert answer.status_code == 200, (url, answer.text)
            if path == "steps":
                assert schemas.Steps.model_validate(answer.json()).steps, url
            if answer.headers["Content-Type"] == "application/x-npy":
                # Beyond a window there is nothing to draw, which NaN says.
                finite = np.isfinite(npy(answer))
                assert finite.any() if row["windows"] else finite.all(), url
                json_of = site.client.get(url, headers={"Accept": "application/json"}).json()
                if json_of.get("type") == "/problems/too-large-for-json":
                    assert npy(answer).size > 1_000_000, url
                elif "values" in json_of:
                    schemas.NamedArray.model_validate(json_of)
                else:
                    schemas.SamplingGrid.model_validate(json_of)
        if row["grid"] and row["kind"] in ("attention", "spatial-gate"):
            path = FITTING[row["kind"]][0]
            overlay = site.client.get(at(seen, f"/sites/{row['id']}/{path}"), headers=PNG)
            with Image.open(io.BytesIO(overlay.content)) as image:
                assert image.size == (200, 120)


FITTING = {
    "attention": ("attention", "attention?query=all&head=all", "steps", "projections"),
    "channel-gate": ("gate", "features?channel=0", "steps"),
    "spatial-gate": ("gate", "features?channel=0", "steps"),
    "strip-gate": ("gate", "features?channel=0", "steps"),
    "spatial-transformer": ("grid", "grid/warped", "steps"),
}
