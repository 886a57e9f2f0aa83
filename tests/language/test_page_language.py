"""What the page says in Chinese: every say() of its code, and nothing that no code says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.language.sentences import ROOT

FRONTEND = ROOT / "frontend"
STRING = r'"((?:[^"\\]|\\.)*)"'
SAID = re.compile(rf"\b(?:say|around)\(\s*{STRING}")
COUNTED = re.compile(rf"\bcounted\((?:[^\"]|\([^)]*\))*{STRING},\s*{STRING}")
CHINESE = re.compile(r"[\u4e00-\u9fff，。：、（）]")
SAME_IN_BOTH = {"{rows} × {columns}"}
HTML = re.compile(
    r'aria-label="([^"]+)"|data-say[^>]*>([^<]+)<|name="description" content="([^"]+)"'
)


def keys() -> Iterator[tuple[str, str]]:
    """(sentence, file) of the page; the course under learn/ has words of its own."""
    for path in sorted(FRONTEND.rglob("*.js")):
        where = path.relative_to(FRONTEND).as_posix()
        if where.startswith(("language/", "learn/")):
            continue
        source = path.read_text("utf-8")
        for found in (*SAID.findall(source), *(other for _, other in COUNTED.findall(source))):
            yield json.loads(f'"{found}"'), where
    for parts in HTML.findall((FRONTEND / "index.html").read_text("utf-8")):
        yield next(filter(None, parts)), "index.html"


def catalogue() -> dict[str, str]:
    rows: dict[str, str] = {}
    for path in sorted((FRONTEND / "language/zh").rglob("*.js")):
        if path.name != "index.js":
            text = path.read_text("utf-8").removeprefix("export default ").rstrip().rstrip(";")
            rows |= json.loads(text)
    return rows


def test_every_sentence_of_the_page_has_its_chinese() -> None:
    rows, said = catalogue(), dict(keys())
    assert len(said) > 600
    missing = [f"{where}: {key!r}" for key, where in said.items() if key not in rows]
    assert not missing, "frontend/language/zh/ lacks\n" + "\n".join(missing)


def test_every_area_is_in_the_catalogue_and_none_is_the_same_in_both() -> None:
    index = (FRONTEND / "language/zh/index.js").read_text("utf-8")
    for path in (FRONTEND / "language/zh").rglob("*.js"):
        name = path.relative_to(FRONTEND / "language/zh").as_posix()
        assert name == "index.js" or f'"./{name}"' in index
    same = [
        key
        for key, chinese in catalogue().items()
        if chinese == key and key not in SAME_IN_BOTH and re.search("[A-Za-z]{2}", key)
    ]
    assert not same, same


def test_a_translation_fills_in_what_its_sentence_does() -> None:
    holes = re.compile(r"\{(\w+)\}")
    for key, chinese in catalogue().items():
        assert set(holes.findall(chinese)) <= set(holes.findall(key)), key
