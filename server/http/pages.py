"""What is not the API: the page, plotly.js, colormaps, documentation, the problems' pages.

Everything comes from this server and nothing from elsewhere: plotly.js and swagger-ui out of
installed packages, the rest out of this repository.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from fovea.server import problems
from fovea.server.http.answering import in_thread, tagged
from fovea.server.wire.addresses import address
from fovea.server.wire.negotiation import JSON, choose, matches
from fovea.server.wire.render import COLORMAPS_FILE

HERE = Path(__file__).parent
FRONTEND = HERE.parents[1] / "frontend"
HTML = "text/html"

LESSON = FRONTEND / "learn"
CHAPTERS = LESSON / "chapters"

router = APIRouter(include_in_schema=False)


def _packaged(package: str, *path: str) -> Path:
    """A file that an installed package carries; the package itself is not imported."""
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.joinpath(*path)


ASSETS: dict[str, tuple[Callable[[], Path], str]] = {
    "/vendor/colormaps.json": (lambda: COLORMAPS_FILE, JSON),
    "/vendor/plotly.min.js": (
        lambda: _packaged("plotly", "package_data", "plotly.min.js"),
        "text/javascript",
    ),
    "/docs": (lambda: HERE / "docs" / "index.html", HTML),
    "/docs/init.js": (lambda: HERE / "docs" / "init.js", "text/javascript"),
    "/docs/swagger-ui.js": (
        lambda: _packaged("fastapi_offline", "static", "swagger-ui-bundle.js"),
        "text/javascript",
    ),
    "/docs/swagger-ui.css": (
        lambda: _packaged("fastapi_offline", "static", "swagger-ui.css"),
        "text/css",
    ),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file in memory, and compressed."""

    content: bytes
    compressed: bytes
    tag: str


@cache
def _asset(path: str) -> Asset:
    content = ASSETS[path][0]().read_bytes()
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    return Asset(content, gzip.compress(content, compresslevel=6, mtime=0), tag)


async def asset(request: Request) -> Response:
    """One of ASSETS. The compressed bytes have an ETag of their own, as a strong one must."""
    path = request.url.path
    kept = await in_thread(_asset, path)
    gzipped = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'{kept.tag[:-1]}-gzip"' if gzipped else kept.tag
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    if gzipped:
        headers["Content-Encoding"] = "gzip"
    content = kept.compressed if gzipped else kept.content
    return Response(content, media_type=ASSETS[path][1], headers=headers)


for _path in ASSETS:
    router.add_api_route(_path, asset, methods=["GET"])


@cache
def _chapters() -> bytes:
    """The lesson's contents: what every folder of chapters says of itself, in their order."""
    found = [
        {"slug": path.parent.name, **orjson.loads(path.read_bytes())}
        for path in CHAPTERS.glob("*/about.json")
    ]
    return orjson.dumps(sorted(found, key=lambda about: about["order"]))


@router.get("/learn/chapters.json")
async def chapters(request: Request) -> Response:
    """The lesson's contents."""
    return tagged(request, await in_thread(_chapters))


@router.get("/problems/{slug}")
async def problem_page(request: Request, slug: str) -> Response:
    """What a problem type means: the address that problem details name as their type."""
    known = {kind.slug: kind for kind in problems.leaves()}
    kind = known.get(slug)
    if kind is None:
        raise problems.UnknownProblem(f"There is no problem {slug[:50]!r}.", valid=list(known))
    facts = {"type": address(f"/problems/{slug}"), "title": kind.title, "status": kind.status}
    if kind.hint:
        facts["hint"] = kind.hint
    if choose(request.headers.get("accept"), (JSON, HTML)) == JSON:
        return tagged(request, orjson.dumps(facts))
    return tagged(request, _problem_html(kind).encode(), HTML)


def _problem_html(kind: type[problems.Problem]) -> str:
    hint = f"<p>{escape(kind.hint)}</p>" if kind.hint else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(kind.title)}</title>"
        '<body style="font-family: system-ui; max-width: 40rem; margin: 4rem auto">'
        f"<p>{kind.status} · {kind.slug}</p><h1>{escape(kind.title)}</h1>{hint}"
        '<p><a href="../docs">The API</a> · <a href="../">Fovea</a></p></body></html>'
    )


class Page(StaticFiles):
    """The files of frontend/, asked for anew each time; unchanged ones cost a 304."""

    def __init__(self) -> None:
        super().__init__(directory=FRONTEND, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not scope["path"]:  # The prefix alone: what the page asks for would miss its last part.
            return RedirectResponse(address("/"))
        if path == "learn" and not scope["path"].endswith("/"):
            # What the lesson asks for lies beside it, so its address is that of a folder.
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(address("/learn/") + (f"?{query}" if query else ""))
        folder, _, chapter = path.rpartition("/")
        if folder == "learn" and "." not in chapter and (CHAPTERS / chapter).is_dir():
            path = "learn/index.html"
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response
