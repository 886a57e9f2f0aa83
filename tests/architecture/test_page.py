"""The page keeps the laws; and sources that break each law are reported, so that it can fail."""

import pytest

from tests.architecture.laws import ROOT
from tests.architecture.page_arrows import crossed_on_the_page


def test_the_page_keeps_its_arrows() -> None:
    frontend = ROOT / "frontend"
    modules = sorted(frontend.rglob("*.js"))
    sources = {path.relative_to(frontend).as_posix(): path.read_text() for path in modules}
    crossed = list(crossed_on_the_page(sources))
    assert modules
    assert not crossed, "\n".join(crossed)


@pytest.mark.parametrize(
    "sources",
    [
        {"panels/heads.js": 'import { draw } from "./channels.js";'},
        {"panels/heads.js": 'export { draw } from "./channels.js"'},
        {"panels/heads.js": "import '../api/api.js'"},
        {"panels/heads.js": 'const later = () => import("/api/api.js")'},
        {"paint/marks.js": 'import { visit } from "../sites/sites.js"'},
        {"state/store.js": 'import { keep } from "../view/keep_picture.js"'},
        {"elsewhere/new.js": 'import "../ui/dom.js"'},
        {"ui/a.js": 'import "./b.js"', "ui/b.js": 'import "./a.js"'},
        {"state/store.js": "const answer = await fetch('/v1/models')"},
        {"paint/overlay/overlay.js": 'const live = new EventSource("/v1/jobs/1/events")'},
        {"paint/charts.js": 'const site = "https://example.org"; fetch (site)'},
    ],
)
def test_a_module_of_the_page_out_of_bounds_is_reported(sources: dict[str, str]) -> None:
    assert list(crossed_on_the_page(sources))


@pytest.mark.parametrize(
    "sources",
    [
        {"api/api.js": "export const models = () => fetch('/v1/models')"},
        {"main.js": 'import "./api/api.js"; import { heads } from "./panels/heads.js"'},
        {"panels/heads.js": 'import { state } from "../state/store.js"; // not "./channels.js"'},
        {"panels/heads.js": "import '../paint/charts.js'", "paint/charts.js": ""},
        {"panels/heads.js": "import './parts/answer.js'", "panels/parts/answer.js": ""},
        {"state/store.js": "/* api.js is the one to fetch() */ prefetch(1)"},
    ],
)
def test_what_the_page_may_do_is_not_reported(sources: dict[str, str]) -> None:
    assert not list(crossed_on_the_page(sources))
