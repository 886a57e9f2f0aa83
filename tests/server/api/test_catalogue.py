"""The catalogue over a socket."""

import pytest

from fovea.server.wire import schemas
from tests.server.conftest import VIT, Running


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
