"""The forms of an answer over a socket: pictures, arrays, tags, and what cannot be had."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.server.asking import NPY, PNG, at, npy
from tests.server.conftest import Running


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


def test_a_sampling_grid_is_drawn_on_the_photo(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    seen = site.analyse(picture(0), "stn_signs")
    path = at(seen, "/sites/s00/grid")
    # As JSON and as numbers it is what it was; a picture is there for those who ask for one.
    assert site.client.get(path).headers["Content-Type"] == "application/json"
    response = site.client.get(f"{path}?colormap=cividis", headers=PNG)
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.size == (200, 120)
        assert "where each cell of its output is read" in image.info["Description"]
    assert response.content != site.client.get(path, headers=PNG).content  # viridis
    refused = site.client.get(f"{path}?render=raw16", headers=PNG)
    assert refused.status_code == 422
    assert "grid/warped" in refused.json()["hint"]


def test_heads_are_drawn_side_by_side(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s00/attention?head=all")
    with Image.open(io.BytesIO(site.client.get(path, headers=PNG).content)) as image:
        assert image.size == (2 * image.height, image.height)
    refused = site.client.get(f"{path}&render=overlay", headers=PNG)
    assert refused.status_code == 422
    for bad in ("opacity=2", "opacity=nan", "opacity=1e309", "colormap=jet", "render=3d"):
        assert site.client.get(f"{path}&{bad}", headers=PNG).status_code == 422, bad


def test_what_cannot_be_accepted_lists_what_can(site: Running, analysis: dict[str, Any]) -> None:
    path = at(analysis, "/sites/s00/attention")
    response = site.client.get(path, headers={"Accept": "text/html"})
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


@pytest.mark.parametrize(
    "path",
    ["/sites/s01/steps", "/maps/relevance", "/maps/positions", "/figures/head-importance"],
)
def test_a_304_runs_no_pass(site: Running, analysis: dict[str, Any], path: str) -> None:
    first = site.client.get(at(analysis, path))
    assert first.status_code == 200
    kept = (site.engine._workings, site.engine._maps, site.engine._learned)
    for one in kept:
        one.clear()
    tag = {"If-None-Match": first.headers["ETag"]}
    assert site.client.get(at(analysis, path), headers=tag).status_code == 304
    assert not any(kept)
    assert site.client.get(at(analysis, path)).content == first.content
    assert any(kept)


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
