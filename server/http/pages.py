"""Everything that is not the API: page, plotly.js, colormaps, API documentation, problem pages.

Nothing is loaded from elsewhere: plotly.js and swagger-ui come from installed packages, the rest
from this repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

import orjson
from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from fovea.server import problems
from fovea.server.http.answering import in_thread, tagged
from fovea.server.http.page_files import (
    LESSON_BUNDLE,
    SMALL,
    VERSIONED,
    Edition,
    ServedFile,
    edition,
    sent,
    thumbnail,
)
from fovea.server.language.translating import translated
from fovea.server.wire.addresses import address
from fovea.server.wire.negotiation import JSON, choose, matches
from fovea.server.wire.render import COLORMAPS_FILE

HERE = Path(__file__).parent
FRONTEND = HERE.parents[1] / "frontend"
HTML = "text/html"
ASK_AGAIN = "no-cache"
FOR_GOOD = "public, max-age=31536000, immutable"

LESSON = FRONTEND / "learn"
CHAPTERS = LESSON / "chapters"

router = APIRouter(include_in_schema=False)


def _packaged(package: str, *path: str) -> Path:
    """A file of an installed package, which is not imported."""
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


@cache
def _asset(path: str) -> ServedFile:
    source, media_type = ASSETS[path]
    return sent(source().read_bytes(), media_type)


async def asset(request: Request) -> Response:
    """Serves one of ASSETS."""
    return answered(request.headers, await in_thread(_asset, request.url.path), ASK_AGAIN)


def answered(headers: Headers, file: ServedFile, keeping: str) -> Response:
    """A file. The compressed form has its own ETag, as strong ETags require."""
    gzipped = "gzip" in headers.get("accept-encoding", "")
    tag = f'{file.tag[:-1]}-gzip"' if gzipped else file.tag
    sending = {"ETag": tag, "Cache-Control": keeping, "Vary": "Accept-Encoding"}
    if matches(headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=sending)
    if gzipped:
        sending["Content-Encoding"] = "gzip"
    content = file.compressed if gzipped else file.content
    return Response(content, media_type=file.media_type, headers=sending)


for _path in ASSETS:
    router.add_api_route(_path, asset, methods=["GET"])


@cache
def _chapters() -> bytes:
    """The lesson's contents, collected from the chapter folders in order."""
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
    """The page that explains a problem type; problem details name its address as their type."""
    known = {kind.slug: kind for kind in problems.leaves()}
    kind = known.get(slug)
    if kind is None:
        raise problems.UnknownProblem(f"There is no problem {slug[:50]!r}.", valid=list(known))
    facts = {"type": address(f"/problems/{slug}"), "title": kind.title, "status": kind.status}
    if kind.hint:
        facts["hint"] = kind.hint
    if choose(request.headers.get("accept"), (JSON, HTML)) == JSON:
        return tagged(request, orjson.dumps(facts))
    language = request.scope["state"]["language"]
    return tagged(request, _problem_html(kind, language).encode(), HTML)


def _problem_html(kind: type[problems.Problem], language: str) -> str:
    title, hint = (escape(translated(said or "", language)) for said in (kind.title, kind.hint))
    api = escape(translated("The API", language))
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title>"
        '<body style="font-family: system-ui; max-width: 40rem; margin: 4rem auto">'
        f"<p>{kind.status} · {kind.slug}</p><h1>{title}</h1><p>{hint}</p>"
        f'<p><a href="../docs">{api}</a> · <a href="../">Fovea</a></p></body></html>'
    )


@lru_cache(maxsize=1)
def lesson_index(digest: str) -> ServedFile:
    """The lesson's page, with the current addresses of its modules and style sheets."""

    def named(found: re.Match[str]) -> str:
        up = "" if found[2] else "learn/"
        return f'{found[1]}="../page/{digest}/{up}{found[3]}"'

    html = (LESSON / "index.html").read_text("utf-8")
    html = re.sub(r' *<link rel="modulepreload"[^>]*>\n', "", html)
    html = html.replace('src="main.js"', f'src="../page/{digest}/{LESSON_BUNDLE}"')
    html = re.sub(r'(href)="(\.\./)?([\w./-]+\.css)"', named, html)
    return sent(html.encode(), HTML)


class Page(StaticFiles):
    """The files of frontend/: content-addressed ones are cached forever, others revalidated."""

    def __init__(self) -> None:
        super().__init__(directory=FRONTEND, html=True)
        self._now: Edition | None = None

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not scope["path"]:  # without the slash, relative addresses would lose the last segment
            return RedirectResponse(address("/"))
        if path == "learn" and not scope["path"].endswith("/"):
            # The lesson uses relative addresses, so its own address must end with a slash.
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(address("/learn/") + (f"?{query}" if query else ""))
        folder, _, chapter = path.rpartition("/")
        if path == "learn":
            path = "learn/index.html"
        if folder == "learn" and "." not in chapter and (CHAPTERS / chapter).is_dir():
            path = "learn/index.html"
        headers = Headers(scope=scope)
        if scope["method"] in ("GET", "HEAD") and (found := await self._known(path)):
            return answered(headers, *found)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = ASK_AGAIN
        return response

    async def _known(self, path: str) -> tuple[ServedFile, str] | None:
        """A file that is served compressed or small, and how long it may be cached."""
        if (named := VERSIONED.fullmatch(path)) and self._now and named[1] == self._now.digest:
            if named[2] in self._now.files:
                return self._now.files[named[2]], FOR_GOOD
            return None
        if small := SMALL.fullmatch(path):
            photo = FRONTEND / "samples" / small[1]
            return (await in_thread(thumbnail, photo), ASK_AGAIN) if photo.is_file() else None
        self._now = now = await in_thread(edition, FRONTEND)
        if path in (".", "index.html"):
            return now.index, ASK_AGAIN
        if path == "learn/index.html":
            return lesson_index(now.digest), ASK_AGAIN
        # Any version: a page opened before an update may still import a module.
        file = now.files.get(named[2] if named else path)
        return (file, ASK_AGAIN) if file else None
