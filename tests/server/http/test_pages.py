"""The page, plotly.js, colours, problems: all from here, all cached by what they are."""

import json
import re
from html import escape
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from fovea.server import problems
from fovea.server.http.page_bundle import bundle
from tests.server.conftest import Running

FRONTEND = Path(__file__).parents[3] / "frontend"


def test_the_page_is_asked_for_anew_and_costs_a_304(site: Running) -> None:
    first = site.client.get("/")
    assert first.headers["Content-Type"].startswith("text/html")
    assert first.headers["Cache-Control"] == "no-cache"
    again = site.client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def named(html: str) -> list[str]:
    """The addresses that the page is sent with, in their order."""
    return re.findall(r'(?:href|src)="(page/[0-9a-f]{16}/[^"]+)"', html)


def test_what_the_page_names_may_be_kept_for_good(site: Running) -> None:
    html = site.client.get("/").text
    addresses = named(html)
    assert addresses[0].endswith("/style.css")
    for path in dict.fromkeys(addresses):
        answer = site.client.get(f"/{path}", headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, path
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        below = FRONTEND / path.split("/", 2)[2]
        if below.suffix == ".js" and below.exists():
            assert answer.content == below.read_bytes(), "what is served is what was written"


@pytest.mark.parametrize(
    ("page", "entry", "later"),
    [("/", "main.js", "later"), ("/learn/", "learn/main.js", "lesson-later")],
)
def test_what_a_page_begins_with_is_one_file(
    site: Running, page: str, entry: str, later: str
) -> None:
    html = site.client.get(page).text
    (script,) = re.findall(r'src="(?:\.\./)?(page/[0-9a-f]{16}/[\w-]+\.js)"', html)
    assert "modulepreload" not in html
    answer = site.client.get(f"/{script}")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    packed = re.findall(r'^modules\["([^"]+)"\] = ', answer.text, re.M)
    assert packed[-1] == entry
    assert len(packed) == len(set(packed))
    for at, module in enumerate(packed):  # read anew, with another pattern than the server's
        source = (FRONTEND / module).read_text()
        for line in source.splitlines():
            if line.startswith(("import ", "} from ")) and ' from "' in line:
                target = line.split(' from "')[1].split('"')[0]
                path = (FRONTEND / module).parent.joinpath(target).resolve()
                assert path.relative_to(FRONTEND.resolve()).as_posix() in packed[:at], module
    # What is imported later takes from there what is there already, and asks for the rest.
    for path in sorted(FRONTEND.rglob("*.js")):
        module = path.relative_to(FRONTEND).as_posix()
        sent = site.client.get(f"/{script.rpartition('/')[0]}/{later}/{module}")
        if module in packed or sent.status_code == 404:
            continue
        for target in re.findall(r"""^import .* from ["']([^"']+)["']""", sent.text, re.M):
            needed = path.parent.joinpath(target).resolve()
            assert needed.relative_to(FRONTEND.resolve()).as_posix() not in packed, module


def test_imports_of_one_another_are_refused() -> None:
    turning = {"a.js": b'import { b } from "./b.js";', "b.js": b'import { a } from "./a.js";'}
    with pytest.raises(ValueError, match=r"a\.js imports itself"):
        bundle(turning, "a.js", "later")
    with pytest.raises(ValueError, match="cannot be put into one file"):
        bundle({"a.js": b'export * from "./b.js";'}, "a.js", "later")


def test_javascript_of_the_first_view_is_small(site: Running) -> None:
    packed = 0
    for path in dict.fromkeys(named(site.client.get("/").text)):
        answer = site.client.get(f"/{path}", headers={"Accept-Encoding": "gzip"})
        packed += int(answer.headers["Content-Length"]) if path.endswith(".js") else 0
    assert 0 < packed <= 110_000


def test_a_page_from_before_an_update_still_gets_its_modules(site: Running) -> None:
    answer = site.client.get(f"/page/{'0' * 16}/panels/heads.js")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    assert site.client.get(f"/page/{'0' * 16}/no.js").status_code == 404


def test_style_is_all_sheets_in_their_order(site: Running) -> None:
    sheets = re.findall(r'href="(style/[^"]+)"', (FRONTEND / "index.html").read_text())
    style = site.client.get(f"/{named(site.client.get('/').text)[0]}").text
    at = [style.index((FRONTEND / sheet).read_text()) for sheet in sheets]
    assert len(at) > 5
    assert at == sorted(at)


def test_samples_have_small_pictures(site: Running) -> None:
    small = site.client.get("/samples/small/chelsea.jpg")
    assert small.headers["Content-Type"] == "image/webp"
    with Image.open(BytesIO(small.content)) as image:
        assert image.size == (192, 144)
    assert len(small.content) < 12_000
    assert site.client.get("/samples/small/no.jpg").status_code == 404
    assert site.client.get("/samples/small/..%2f..%2fmain.jpg").status_code == 404


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
