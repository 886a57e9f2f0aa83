"""Translates finished English sentences.

Sentences are made all over the project, many with numbers and names filled in. Their English is the
key: `zh.json`, here and in the folders of kinds, maps the template of each sentence, with `{}` for
each filled-in value, to its translation, with `{0}` for the first value. A finished sentence is
matched against the templates; a filled-in value is translated too if it is a sentence, term or
class itself. `zh_names.json` covers text that is data and not code: classes and cards of the
bundled networks, samples, texts of argparse and pydantic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from fovea.models.kinds import folders

HERE = Path(__file__).parent

ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")
"""Chinese is Simplified Chinese."""

HOLE = "{}"
NAMED_HOLE = re.compile(r"\{\w*(?:![rs])?(?::[^{}]*)?\}")
"""A named placeholder, as in a template that is filled in later; the key has `{}` for it."""

VERBATIM = ("valid: ", "Known: ", "one of: ", "=", "`", "'")
"""Text before a placeholder whose value is typed by the user and never translated."""

SHORT = 12
"""With fewer fixed letters a template matches only around names, numbers and known terms."""

NAME = re.compile(r"[^\s,;]*|[\d .,:×–−-]+")

SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=[A-Z“])|(?<=;) +")


@dataclass(frozen=True)
class Template:
    """A sentence with placeholders."""

    pattern: re.Pattern[str]
    translation: str
    anchor: str
    """Its longest fixed part: text without it cannot match."""

    weight: int
    """The number of fixed letters; templates with more are tried first."""

    fixed: int
    """The number of fixed characters."""

    lines: bool
    """Whether it spans several sentences; only such a template matches text with several."""

    verbatim: tuple[bool, ...]
    """Indices of placeholders whose value is never translated."""


def template(key: str, translation: str) -> Template:
    """From a row of the catalogue."""
    parts = key.split(HOLE)
    weight = sum(sum(c.isalpha() for c in part) for part in parts)
    # A placeholder in a long template may be empty.
    hole = "(.+?)" if weight < SHORT else "(.*?)"
    return Template(
        re.compile(hole.join(map(re.escape, parts)), re.DOTALL),
        translation,
        max(parts, key=len),
        weight,
        sum(map(len, parts)),
        "\n" in key,
        tuple(part.endswith(VERBATIM) for part in parts[:-1]),
    )


class Catalogue:
    """The translations into one language."""

    def __init__(self, rows: Mapping[str, str], names: Mapping[str, str]) -> None:
        both = {**names, **rows}
        self.plain = {key: said.format() for key, said in both.items() if HOLE not in key}
        holed = [template(key, said) for key, said in both.items() if HOLE in key]
        self.templates = sorted(holed, key=lambda one: (-one.weight, -one.fixed))
        self._found = lru_cache(maxsize=8192)(self._find)

    def translated(self, text: str) -> str:
        """The text in this language as far as it is known, else unchanged."""
        found = self._found(text)
        return text if found is None else found

    def match(self, text: str) -> tuple[Template, tuple[str, ...]] | None:
        """The template of a finished sentence, and the filled-in values."""
        for one in self.templates:
            if "\n" in text and not one.lines:
                continue
            found = one.pattern.fullmatch(text) if one.anchor in text else None
            if found and (one.weight >= SHORT or all(map(self._fits, found.groups()))):
                return one, found.groups()
        return None

    def _fits(self, filled: str) -> bool:
        """Whether a short template may match: around names, numbers or known terms only."""
        if NAME.fullmatch(filled) or filled[0] in "'\"“":
            return True
        return ". " not in filled and self.whole(filled) is not None

    def whole(self, text: str) -> str | None:
        """The translation of exactly this sentence, or None."""
        if text in self.plain:
            return self.plain[text]
        if not (found := self.match(text)):
            return None
        one, filled = found
        return one.translation.format(*map(self._filled, filled, one.verbatim))

    def _filled(self, text: str, verbatim: bool) -> str:
        """Translates a filled-in value unless it was typed by the user."""
        if verbatim or text[:1] in ("'", '"'):
            return text
        return (self.whole(text) or text) if "\n" in text else self.translated(text)

    def _find(self, text: str) -> str | None:
        core = text.strip(" ")
        if not core:
            return None
        if core.endswith(".") and core[:-1] in self.plain:
            return f"{self.plain[core[:-1]]}。"
        if said := self.whole(core):
            return said
        if core.endswith(".") and (said := self.whole(core[:-1])):
            return f"{said}。"
        return self._in_pieces(core)

    def _in_pieces(self, text: str) -> str | None:
        """Translates sentences in a row, or a list of terms, one by one."""
        for split, join in ((SENTENCE_END, ""), (re.compile(", "), "、")):
            pieces = split.split(text)
            said = [self._found(piece) for piece in pieces] if len(pieces) > 1 else []
            if any(said):
                return join.join(s or piece for s, piece in zip(said, pieces, strict=True))
        return None


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language other than English."""
    own = [folder / f"{language}.json" for folder in folders()]
    paths = [HERE / f"{language}.json", *(path for path in own if path.is_file())]
    rows = {key: value for path in paths for key, value in read(path).items()}
    names, imagenet = (read(HERE / f"{language}_{name}.json") for name in ("names", "imagenet"))
    return Catalogue(rows, {**imagenet, **names})


def read(path: Path) -> dict[str, str]:
    """The rows of one file of sentences."""
    rows: dict[str, str] = json.loads(path.read_text("utf-8"))
    return rows


def translated(text: str, language: str) -> str:
    """A finished sentence in a language."""
    return text if language == ENGLISH else catalogue(language).translated(text)


def preferred(header: str | None) -> str:
    """The language that an Accept-Language header (RFC 9110, 12.5.4) prefers; English by default.

    Only the first subtag of a range such as `zh-Hans-CN` counts; `*` is English.
    """
    best, language = 0.0, ENGLISH
    for one in (header or "").split(","):
        tag, *parameters = (part.strip() for part in one.split(";"))
        name = tag.split("-")[0].lower()
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            liked = float(quality)
        except ValueError:
            continue
        if name in LANGUAGES and liked > best:
            best, language = liked, name
    return language
