"""Nothing is passed over in silence, and an address says its representation without headers."""

import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.server.asking import at
from tests.server.conftest import VIT, Running


def refused(answer: httpx.Response, *said: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["type"]) == (422, "/problems/invalid-parameter"), answer.text
    for words in said:
        assert words in body["detail"], body["detail"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/sites/s01/attention?qurey=5,9", "Did you mean 'query'"),
        ("/sites/s01/attention?query=5,9&layer=3", "'layer'"),
        ("/sites/s01/attention?query=1,1&query=2,2", "given 2 times"),
        ("/sites/s01/steps?direction=to", "valid: "),
        ("/sites/s01/stream?head=1", "'head'"),
        ("/sites/s01/projections?head=1", "valid: download, format"),
        ("/maps/rollout?discrad=0.5", "Did you mean 'discard'"),
        ("/maps/rollout?target=sunflower", "'target'"),
        ("/maps/relevance?fusion=max", "'fusion'"),
        ("/maps/attention?layer=0&site=s01", "site and layer"),
        ("/figures/entropy?sites=s01", "Did you mean 'site'"),
        ("/image?opacity=1", "'opacity'"),
        ("?maps=rollout", "'maps'"),
        ("/maps/rollout?format=pgn", "png"),
    ],
)
def test_a_parameter_that_is_not_heeded_is_refused(
    site: Running, analysis: dict[str, Any], path: str, said: str
) -> None:
    refused(site.client.get(at(analysis, path)), said)


@pytest.mark.parametrize(
    "path", ["/v1/models?mechanisms=cbam", "/v1/models/vit?full=1", "/healthz?x=1", "/readyz?x=1"]
)
def test_nor_anywhere_else(site: Running, path: str) -> None:
    refused(site.client.get(path))


def test_nor_in_bodies(site: Running, picture: Callable[[int], bytes]) -> None:
    photo = {"image": picture(0)}

    def post(**body: Any) -> httpx.Response:
        return site.client.post("/v1/analyses", **body)

    refused(post(files=photo, data={"model": VIT, "beam": "3"}), "Did you mean 'beams'")
    refused(post(files=photo, data={"model": VIT, "beams": "30"}), "1 to 5")
    refused(post(files=photo, data={"modell": VIT}), "Did you mean 'model'")
    refused(post(json={"text": "a", "modle": "vit"}), "Did you mean 'model'")
    refused(post(files=photo, data={"model": VIT}, params={"model": "vit"}), "give it once")
    assert post(files=photo, data={"model": VIT, "beams": "2"}).status_code == 201


def test_models_of_a_mechanism_or_a_task(site: Running) -> None:
    listed = site.client.get("/v1/models", params={"mechanism": "cbam"}).json()
    assert listed
    assert all("cbam" in row["mechanisms"] for row in listed)
    writing = site.client.get("/v1/models", params={"task": "captioning"}).json()
    assert {row["task"] for row in writing} == {"captioning"}
    refused(site.client.get("/v1/models", params={"mechanism": "cbma"}), "Did you mean 'cbam'")


def test_a_format_in_the_address_is_what_the_header_says(
    site: Running, analysis: dict[str, Any]
) -> None:
    path = at(analysis, "/maps/rollout")
    for name, media in (
        ("json", "application/json"),
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("webp", "image/webp"),
        ("npy", "application/x-npy"),
        ("safetensors", "application/vnd.safetensors"),
        ("csv", "text/csv"),
    ):
        by_address = site.client.get(f"{path}?format={name}")
        by_header = site.client.get(path, headers={"Accept": media})
        assert by_address.headers["Content-Type"].split(";")[0] == media
        # The order of a safetensors file's metadata is not fixed; its length is.
        assert len(by_address.content) == len(by_header.content)
        assert name == "safetensors" or by_address.content == by_header.content
        wild = {"Accept": "text/html,image/*;q=0.9,*/*;q=0.8"}
        in_a_page = site.client.get(f"{path}?format={name}", headers=wild)
        assert in_a_page.headers["Content-Type"].split(";")[0] == media
    both = site.client.get(f"{path}?format=png", headers={"Accept": "application/x-npy"})
    assert (both.status_code, both.json()["type"]) == (406, "/problems/not-acceptable")
    none = site.client.get(at(analysis, "?format=png"))
    assert (none.status_code, "json" in none.json()["detail"]) == (406, True)
    assert site.client.get("/v1/models?format=json").status_code == 200
    assert site.client.get("/v1/models?format=csv").status_code == 406


def test_csv_has_every_value_in_its_place(site: Running, analysis: dict[str, Any]) -> None:
    for path in ("/maps/rollout", "/sites/s01/attention?query=all&head=all", "/maps/dino?head=all"):
        joined = "&" if "?" in path else "?"
        told = site.client.get(at(analysis, path)).json()
        answer = site.client.get(at(analysis, f"{path}{joined}format=csv"))
        head, *lines = csv.reader(io.StringIO(answer.text))
        assert head == [*told["axes"], "values"]
        expected = np.array(told["values"])
        found = np.full(expected.shape, np.nan)
        for *place, value in lines:
            found[tuple(map(int, place))] = float(value)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("cat", "cat.png"),
        ("cat.PNG", "cat.PNG"),
        ("../../etc/passwd", "passwd.png"),
        ('a"b\r\nSet-Cookie: x', "abSet-Cookie x.png"),
        ("C:\\temp\\cat", "cat.png"),
        ("猫", "_.png"),
        ("…/", "fovea.png"),
        ("", "fovea.png"),
    ],
)
def test_a_download_has_a_safe_name(
    site: Running, analysis: dict[str, Any], name: str, plain: str
) -> None:
    asked = {"format": "png", "download": name}
    answer = site.client.get(at(analysis, "/maps/rollout"), params=asked)
    assert answer.status_code == 200
    said = answer.headers["Content-Disposition"]
    assert said.startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")
    assert Image.open(io.BytesIO(answer.content)).size == (200, 120)
    assert "Set-Cookie" not in answer.headers


def test_without_download_nothing_is_saved(site: Running, analysis: dict[str, Any]) -> None:
    answer = site.client.get(at(analysis, "/maps/rollout?format=png"))
    assert "Content-Disposition" not in answer.headers
