"""The page's files as they are served.

Loading modules one by one costs a round trip for each level of imports. So `index.html` is served
with modulepreload links for all modules of the first view and a single style sheet. Text is
compressed once. Everything has an address derived from its content, `page/<digest>/…`, which may be
cached forever: another version has another address.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from PIL import Image, ImageOps

from fovea.server.http.page_bundle import bundle, in_order

# JSON is excluded: its sentences may be translated.
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".html": "text/html",
}
STYLE = "style.css"
THUMBNAIL = (192, 144)
SMALL = re.compile(r"samples/small/([\w.-]+\.(?:jpg|png))")
ENTRY = "main.js"
BUNDLE = "bundle.js"
LESSON_ENTRY = "learn/main.js"
LESSON_BUNDLE = "lesson.js"
VERSIONED = re.compile(r"page/([0-9a-f]{16})/(.+)")

_SHEET = re.compile(r'^ *<link rel="stylesheet" href="(style/[\w.-]+)">\n', re.M)
_PRELOAD = f'  <link rel="modulepreload" href="{ENTRY}">\n'
_SCRIPT = f'<script type="module" src="{ENTRY}"></script>'


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file as served."""

    content: bytes
    compressed: bytes
    media_type: str
    tag: str


@dataclass(frozen=True, slots=True)
class Edition:
    """A snapshot of the page's text files, by path below frontend/."""

    digest: str
    files: MappingProxyType[str, ServedFile]
    index: ServedFile


def sent(content: bytes, media_type: str) -> ServedFile:
    """A file with its compressed form and ETag."""
    tag = hashlib.blake2b(content, digest_size=12).hexdigest()
    return ServedFile(content, gzip.compress(content, 9, mtime=0), media_type, f'"{tag}"')


def edition(folder: Path) -> Edition:
    """The current files of the folder; a changed file is read again."""
    found = (path for path in folder.rglob("*") if path.suffix in TYPES)
    stamp = tuple((str(path), path.stat().st_mtime_ns) for path in sorted(found))
    return _edition(folder, stamp)


@lru_cache(maxsize=1)
def _edition(folder: Path, stamp: tuple[tuple[str, int], ...]) -> Edition:
    contents = {
        Path(path).relative_to(folder).as_posix(): Path(path).read_bytes() for path, _ in stamp
    }
    index = contents["index.html"].decode()
    sheets = _SHEET.findall(index)
    contents[STYLE] = b"\n".join(contents[sheet] for sheet in sheets)
    contents |= _bundled(contents)
    digest = hashlib.blake2b(digest_size=8)
    for path, content in sorted(contents.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    name = digest.hexdigest()
    files = {
        path: sent(content, TYPES[PurePosixPath(path).suffix]) for path, content in contents.items()
    }
    html = _index(index, f"page/{name}")
    return Edition(name, MappingProxyType(files), sent(html.encode(), TYPES[".html"]))


def _bundled(contents: dict[str, bytes]) -> dict[str, bytes]:
    """What page and lesson begin with, a file each, and the modules that either imports later."""
    scripts = {path: content for path, content in contents.items() if path.endswith(".js")}
    in_order_of_page = set(in_order(scripts, ENTRY))
    of_page = {
        path: content
        for path, content in scripts.items()
        if not path.startswith("learn/") or path in in_order_of_page
    }
    page, later = bundle(of_page, ENTRY, "later")
    of_lesson = {
        path: content
        for path, content in scripts.items()
        if not path.startswith(("panels/", "view/")) and path != ENTRY
    }
    lesson, lesson_later = bundle(of_lesson, LESSON_ENTRY, "lesson-later")
    return {BUNDLE: page, LESSON_BUNDLE: lesson, **later, **lesson_later}


def _index(html: str, base: str) -> str:
    """The page with one style sheet and one file of modules."""
    first = True

    def once(_: re.Match[str]) -> str:
        nonlocal first
        link, first = f'  <link rel="stylesheet" href="{base}/{STYLE}">\n' if first else "", False
        return link

    html = _SHEET.sub(once, html)
    html = html.replace(_PRELOAD, "")
    return html.replace(_SCRIPT, f'<script type="module" src="{base}/{BUNDLE}"></script>')


@lru_cache
def thumbnail(photo: Path) -> ServedFile:
    """A sample at menu size, doubled for high-density screens."""
    with Image.open(photo) as image:
        small = ImageOps.fit(image.convert("RGB"), THUMBNAIL)
    buffer = BytesIO()
    small.save(buffer, "WEBP", quality=72, method=6)
    return sent(buffer.getvalue(), "image/webp")
