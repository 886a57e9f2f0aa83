"""The REST contract over a socket: one client that knows nothing but docs/api.md."""

import base64
import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.numpy
import skimage
import torch
from PIL import Image

from models.catalog import bundled
from models.preprocessing import prepare
from server import schemas
from server.conclude import to_input
from tests.real_weights import IMAGENET_VIT, MISSING, real_weights
from tests.server.conftest import SE, VIT, WINDOWED, Running

NPY = {"Accept": "application/x-npy"}
PNG = {"Accept": "image/png"}
SAFETENSORS = {"Accept": "application/vnd.safetensors"}


def at(analysis: dict[str, Any], path: str = "") -> str:
    return f"/v1/analyses/{analysis['id']}{path}"


def npy(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))


# --- the catalogue ------------------------------------------------------------------------------


def test_models_are_listed(site: Running) -> None:
    rows = site.client.get("/v1/models").json()
    by_id = {schemas.ModelSummary.model_validate(row).id: row for row in rows}
    assert by_id[VIT]["status"] == "ready"
    assert by_id[VIT]["source"] == "local"
    assert by_id[VIT]["input_size"] == [160, 160]


def test_search_finds_the_hubs_models_too(site: Running) -> None:
    rows = site.client.get("/v1/models", params={"search": "vit_tiny r_s16", "limit": 3}).json()
    assert 1 <= len(rows) <= 3
    assert all("vit_tiny" in row["id"] for row in rows)
    assert {row["status"] for row in rows} == {"unavailable"}  # this server is offline


def test_a_card(site: Running) -> None:
    card = schemas.ModelCard.model_validate(site.client.get(f"/v1/models/{VIT}").json())
    assert card.preprocessing.crop_px == [160, 160]
    assert card.labels is not None
    assert len(card.labels) == 1000
    assert card.progress is None


@pytest.mark.parametrize(
    "name", ["no-such-model", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e%2e/%2e%2e/etc/passwd", "%00"]
)
def test_an_unknown_model_lists_the_known(site: Running, name: str) -> None:
    response = site.client.get(f"/v1/models/{name}")
    problem = schemas.Problem.model_validate(response.json())
    assert (response.status_code, problem.type) == (404, "/problems/unknown-model")
    assert response.json()["known"]


def test_every_page_of_the_catalogue_has_a_tag(site: Running) -> None:
    for path in ("/v1/models", f"/v1/models/{VIT}", "/openapi.json", "/problems/not-found"):
        tag = site.client.get(path).headers["ETag"]
        assert site.client.get(path, headers={"If-None-Match": tag}).status_code == 304


# --- an analysis --------------------------------------------------------------------------------


def test_a_form_and_a_raw_body_are_the_same(site: Running, picture: Callable[[int], bytes]) -> None:
    data = picture(1)
    form = site.client.post(
        "/v1/analyses",
        files={"image": ("../../x\0" + "y" * 5000, data, "image/jpeg")},
        data={"model": VIT},
    )
    raw = site.client.post(
        "/v1/analyses", params={"model": VIT}, content=data, headers={"Content-Type": "image/jpeg"}
    )
    assert form.status_code == raw.status_code == 201
    assert form.headers["Location"] == f"/v1/analyses/{form.json()['id']}"
    assert form.json() == raw.json() == site.client.get(form.headers["Location"]).json()
    assert "forward;dur=" in form.headers["Server-Timing"]


def test_the_default_model_is_used(site: Running, picture: Callable[[int], bytes]) -> None:
    response = site.client.post("/v1/analyses", files={"image": picture(0)})
    assert response.json()["model"] == VIT


def test_an_analysis_says_where_everything_is(analysis: dict[str, Any]) -> None:
    seen = schemas.Analysis.model_validate(analysis)
    assert (seen.image.width, seen.image.height) == (200, 120)
    assert [site.id for site in seen.sites] == [f"s0{i}" for i in range(6)]
    first = seen.sites[0]
    assert (first.kind, first.heads, first.keys, first.prefix_tokens) == ("attention", 2, 101, 1)
    assert first.grid == schemas.Grid(rows=10, columns=10)
    assert first.projections
    left, top, right, bottom = seen.geometry.crop
    assert (top, bottom) == pytest.approx((120 - (bottom - top)) / 2 + np.array([0, bottom - top]))
    assert right - left == pytest.approx(bottom - top, rel=0.02)
    assert len(seen.predictions) == 5
    assert set(seen.timings_ms) == {"decode", "preprocess", "queue", "forward"}


def test_the_same_photo_is_not_computed_again(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    def passes() -> float:
        text = site.client.get("/metrics").text
        line = next(x for x in text.splitlines() if x.startswith("fovea_forward_seconds_count"))
        return float(line.split()[1])

    first = site.analyse(picture(2))
    before = passes()
    assert site.analyse(picture(2)) == first
    assert passes() == before
    assert site.analyse(picture(2), SE)["id"] != first["id"]


def test_an_analysis_can_be_forgotten(site: Running, picture: Callable[[int], bytes]) -> None:
    path = at(site.analyse(picture(3)))
    assert site.client.delete(path).status_code == 204
    response = site.client.get(path)
    assert (response.status_code, response.json()["type"]) == (404, "/problems/unknown-analysis")


def test_the_photo_comes_back_upright_and_without_notes(site: Running) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)  # GPS
    exif[0x010E] = "a private remark"
    buffer = io.BytesIO()
    Image.new("RGB", (90, 60), (9, 99, 199)).save(buffer, "JPEG", exif=exif, comment=b"private")
    path = at(site.analyse(buffer.getvalue()), "/image")
    for media in ("image/png", "image/jpeg"):
        response = site.client.get(path, headers={"Accept": media})
        assert response.headers["Content-Type"] == media
        with Image.open(io.BytesIO(response.content)) as image:
            assert image.size == (60, 90)
            assert not image.getexif()
        assert b"private" not in response.content
    lossless = site.client.get(path)
    assert lossless.headers["Content-Type"] == "image/png"


@pytest.mark.skipif(real_weights() is None, reason=MISSING)
def test_chelsea_is_an_egyptian_cat(site: Running) -> None:
    photo = Path(skimage.__file__).parent / "data" / "chelsea.png"
    seen = site.analyse(photo.read_bytes(), IMAGENET_VIT)
    assert seen["predictions"][0]["label"] == "Egyptian cat"
    assert seen["predictions"][0]["score"] > 0.7


# --- attention ----------------------------------------------------------------------------------


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


# --- gates, maps, figures -----------------------------------------------------------------------


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


def test_dino_keeps_the_heaviest_patches(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/maps/dino")
    few = np.array(site.client.get(f"{path}?mass=0.1&head=all").json()["values"])
    most = np.array(site.client.get(f"{path}?mass=0.9&head=all").json()["values"])
    assert few.shape == (2, 10, 10)
    assert ((few > 0) <= (most > 0)).all()
    assert 0 < (few > 0).sum() < (most > 0).sum()
    for bad in ("mass=0", "mass=1.1", "mass=nan", "head=7"):
        assert site.client.get(f"{path}?{bad}").status_code == 422, bad


def test_windows_are_asked_about_by_place(site: Running, picture: Callable[[int], bytes]) -> None:
    """MobileViT attends among every second cell: a query sees a quarter of the grid, no more."""
    windowed = site.analyse(picture(0), WINDOWED)
    summary = next(one for one in windowed["sites"] if one["kind"] == "attention")
    assert (summary["grid"], summary["windows"]) == (None, 4)
    assert summary["query_grid"] == summary["key_grid"] == {"rows": 32, "columns": 32}
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


def test_rollout_needs_attention(site: Running, gated: dict[str, Any]) -> None:
    response = site.client.get(at(gated, "/maps/rollout"))
    assert (response.status_code, response.json()["type"]) == (409, "/problems/map-not-possible")


@pytest.mark.parametrize(
    "path",
    ["attention-matrix?site=s01&head=0", "attention-matrix", "attention-distance", "entropy"],
)
def test_figures_of_attention(site: Running, analysis: dict[str, Any], path: str) -> None:
    figure = site.client.get(at(analysis, f"/figures/{path}")).json()
    assert schemas.Figure.model_validate(figure).data
    assert "template" not in figure["layout"]
    assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"


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
    "attention": ("attention", "attention?query=all&head=all", "projections"),
    "channel-gate": ("gate", "features?channel=0"),
    "spatial-gate": ("gate", "features?channel=0"),
    "spatial-transformer": ("grid", "grid/warped"),
}


# --- pictures -----------------------------------------------------------------------------------


def test_an_overlay_has_the_photos_shape(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s00/attention?query=3,3&colormap=magma&opacity=1")
    response = site.client.get(path, headers=PNG)
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.size == (200, 120)
        assert "what the patch at row 3, column 3 looks at" in image.info["Description"]
        assert "magma" in image.info["Comment"]


def test_raw16_carries_the_values(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s00/attention?query=3,3&render=raw16")
    values = np.array(site.client.get(path).json()["values"])
    with Image.open(io.BytesIO(site.client.get(path, headers=PNG).content)) as image:
        levels = np.asarray(image).astype(float) / 65535
    low, high = values.min(), values.max()
    assert levels.shape == (10, 10)
    np.testing.assert_allclose(levels, (values - low) / (high - low), atol=1 / 65535)


def test_heads_are_drawn_side_by_side(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s00/attention?head=all")
    with Image.open(io.BytesIO(site.client.get(path, headers=PNG).content)) as image:
        assert image.size == (2 * image.height, image.height)
    refused = site.client.get(f"{path}&render=overlay", headers=PNG)
    assert refused.status_code == 422
    for bad in ("opacity=2", "opacity=nan", "opacity=1e309", "colormap=jet", "render=3d"):
        assert site.client.get(f"{path}&{bad}", headers=PNG).status_code == 422, bad


# --- representations and caching ----------------------------------------------------------------


def test_what_cannot_be_accepted_lists_what_can(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s00/attention")
    response = site.client.get(path, headers={"Accept": "text/csv"})
    assert (response.status_code, response.json()["type"]) == (406, "/problems/not-acceptable")
    assert "application/x-npy" in response.json()["acceptable"]
    projections = at(analysis, "/sites/s00/projections")
    assert site.client.get(projections, headers={"Accept": "image/png"}).status_code == 406


def test_an_etag_is_answered_with_304(site: Running, analysis: dict[str, Any]) -> None:
    paths = ("", "/image", "/sites/s01/attention?query=1,1", "/maps/rollout", "/figures/entropy")
    for path in paths:
        first = site.client.get(at(analysis, path))
        tag = first.headers["ETag"]
        assert tag.startswith('"')
        again = site.client.get(at(analysis, path), headers={"If-None-Match": f'"x", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    other = site.client.get(at(analysis, "/sites/s01/attention?query=1,1"), headers=NPY)
    assert other.headers["ETag"] != site.client.get(at(analysis, paths[2])).headers["ETag"]


def test_a_large_array_is_refused_as_json_only(
    serve: Callable[..., Running], picture: Callable[[int], bytes]
) -> None:
    small = serve(json_budget_bytes=1024)
    path = at(small.analyse(picture(0)), "/sites/s00/attention?query=all&head=all")
    response = small.client.get(path)
    assert (response.status_code, response.json()["type"]) == (406, "/problems/too-large-for-json")
    assert response.json()["limit"] == 1024
    assert "application/x-npy" in response.json()["hint"]
    assert npy(small.client.get(path, headers=NPY)).shape == (2, 101, 101)
