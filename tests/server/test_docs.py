"""What is documented exists, and what exists is documented."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import fovea
from fovea.server import problems
from fovea.server.app import create_app
from fovea.server.settings import PREFIX, Settings
from fovea.server.wire import examples, schemas
from tests.server.conftest import Running

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str) -> Iterator[list[str]]:
    """The cells of every table row of a page."""
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(Settings())


def test_every_setting_has_its_row_and_its_default() -> None:
    documented = {cells[0].strip("`| "): cells[1].strip("`") for cells in rows("settings.md")}
    expected = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        told = ", ".join(default) if isinstance(default, tuple) else str(default).lower()
        is_unset = default in (None, (), "")
        expected[PREFIX + name.upper()] = "unset" if is_unset else told
    assert documented == expected


def test_every_route_has_its_row(app: FastAPI, site: Running) -> None:
    documented = {cells[0].strip("`| ") for cells in rows("api.md")}
    routes = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    routes |= {"GET /openapi.json", "GET /docs", "GET /problems/{slug}", "GET /"}
    routes |= {"GET /vendor/plotly.min.js", "GET /vendor/colormaps.json"}
    assert routes == {row for row in documented if row.split()[0] in ("GET", "POST", "DELETE")}
    for route in ("/openapi.json", "/docs", "/", "/vendor/plotly.min.js"):
        assert site.client.get(route).status_code == 200, route


def test_every_problem_has_its_row() -> None:
    documented = {cells[0].strip("`| "): cells[1] for cells in rows("api.md")}
    for kind in problems.leaves():
        assert documented.get(kind.slug) == str(kind.status), kind.slug


def operations(app: FastAPI) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_says_what_it_is_and_shows_an_example(app: FastAPI) -> None:
    for name, operation in operations(app):
        assert operation["summary"], name
        assert operation["description"], name
        for parameter in operation.get("parameters", []):
            shown = {"description", "example", "examples"} & parameter.keys()
            told = "default: " in parameter.get("description", "")
            assert shown or told or "enum" in parameter["schema"], (name, parameter)
        success = next(answer for code, answer in operation["responses"].items() if code < "300")
        content = success.get("content", {})
        json_content = content.get("application/json")
        assert not json_content or "example" in json_content, name


def test_the_contract_has_the_version_of_the_package(app: FastAPI) -> None:
    assert app.openapi()["info"]["version"] == fovea.__version__


def test_references_of_the_contract_resolve(app: FastAPI) -> None:
    document = app.openapi()
    for reference in re.findall(r"#/components/schemas/(\w+)", str(document)):
        assert reference in document["components"]["schemas"]


def test_the_documentation_needs_no_other_origin(site: Running) -> None:
    page = site.client.get("/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert "<script>" not in page
    for source in sources:
        assert not source.startswith(("/", "http")), source  # Under a prefix it would be lost.
        assert site.client.get(f"/{source}").status_code == 200, source


def test_the_examples_are_what_the_schemas_say() -> None:
    schemas.Analysis.model_validate(examples.ANALYSIS)
    schemas.ModelCard.model_validate(examples.MODEL_CARD)
    schemas.ModelSummary.model_validate(examples.MODEL_SUMMARY)
    schemas.SamplingGrid.model_validate(examples.GRID)
    for array in (examples.ATTENTION, examples.GATE, examples.FEATURES, examples.ROLLOUT):
        schemas.NamedArray.model_validate(array)


def test_answers_to_broken_bodies_and_absent_formats_are_documented(
    app: FastAPI, site: Running
) -> None:
    paths = app.openapi()["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            named = {one["name"] for one in operation.get("parameters", ())}
            assert "format" not in named or "406" in operation["responses"], path
            assert "requestBody" not in operation or "400" in operation["responses"], path
    assert site.client.get("/v1/models?format=csv").status_code == 406
    asked = {"content": b"\xcdN", "headers": {"Content-Type": "application/json"}}
    assert site.client.post("/v1/analyses", **asked).status_code == 400
