"""The page, plotly.js, colours, problems: all from here, all cached by what they are."""

import json
from html import escape

import pytest

from fovea.server import problems
from tests.server.conftest import Running


def test_the_page_is_asked_for_anew_and_costs_a_304(site: Running) -> None:
    first = site.client.get("/")
    assert first.headers["Content-Type"].startswith("text/html")
    assert first.headers["Cache-Control"] == "no-cache"
    again = site.client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/../server/app.py", "/%2e%2e/pyproject.toml", "/no.js"])
def test_only_the_pages_files_are_served(site: Running, path: str) -> None:
    response = site.client.get(path)
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/vendor/plotly.min.js", "text/javascript"),
        ("/docs/swagger-ui.js", "text/javascript"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/vendor/colormaps.json", "application/json"),
    ],
)
def test_assets_are_compressed_and_tagged(site: Running, path: str, kind: str) -> None:
    plain = site.client.get(path, headers={"Accept-Encoding": "identity"})
    packed = site.client.get(path, headers={"Accept-Encoding": "gzip"})
    assert plain.headers["Content-Type"].startswith(kind)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["Content-Length"]) < len(plain.content) * 0.6
    assert packed.headers["ETag"] != plain.headers["ETag"]
    tag = {"If-None-Match": packed.headers["ETag"], "Accept-Encoding": "gzip"}
    assert site.client.get(path, headers=tag).status_code == 304


def test_the_colour_tables_have_256_colours(site: Running) -> None:
    tables = json.loads(site.client.get("/vendor/colormaps.json").content)
    for name in ("viridis", "inferno", "cividis", "magma"):
        assert len(bytes.fromhex(tables[name])) == 256 * 3


@pytest.mark.parametrize("kind", list(problems.leaves()), ids=lambda kind: kind.slug)
def test_every_problem_has_a_page(site: Running, kind: type[problems.Problem]) -> None:
    path = f"/problems/{kind.slug}"
    page = site.client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert escape(kind.title) in page.text
    facts = site.client.get(path).json()
    assert (facts["title"], facts["status"]) == (kind.title, kind.status)


def test_an_unknown_problem(site: Running) -> None:
    response = site.client.get("/problems/boredom")
    assert (response.status_code, response.json()["type"]) == (404, "/problems/unknown-problem")
