"""Says finished English sentences in another language.

Sentences are made all over the project, many of them around numbers and names. Their English is the
key: `zh.json` holds the template of each sentence, `{}` where the code fills something in, beside
its translation, `{0}` for the first of these. A finished sentence is matched against the templates;
what was filled in is translated in turn, where it is a sentence, a term or a class itself.
`zh_names.json` has what stands in data and not in code: classes and cards of the networks that
ship, samples, what argparse and pydantic say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

HERE = Path(__file__).parent

ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")
"""Chinese is Simplified."""

HOLE = "{}"
NAMED_HOLE = re.compile(r"\{\w*(?:![rs])?(?::[^{}]*)?\}")
"""A hole with a name, as in a template that is filled in later; as a key it is `{}`."""

VERBATIM = ("valid: ", "Known: ", "one of: ", "=", "`", "'")
"""What stands right before a hole whose text is typed as it is, and so never translated."""

SHORT = 12
"""With fewer fixed letters a template fits only around names, numbers and what is known itself."""

NAME = re.compile(r"[^\s,;]*|[\d .,:×–−-]+")

SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=[A-Z“])|(?<=;) +")


@dataclass(frozen=True)
class Template:
    """A sentence with holes."""

    pattern: re.Pattern[str]
    translation: str
    anchor: str
    """The longest of its fixed parts: a text without that cannot match."""

    weight: int
    """How many letters are fixed; the more there are, the surer is a match."""

    fixed: int
    """How many characters are."""

    lines: bool
    """Whether it has several; no other is matched with text that has."""

    verbatim: tuple[bool, ...]
    """Which holes are typed as they are."""


def template(key: str, translation: str) -> Template:
    """From a row of the catalogue."""
    parts = key.split(HOLE)
    weight = sum(sum(c.isalpha() for c in part) for part in parts)
    # Of a long one nothing may be filled in, as where nothing is meant.
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
    """The sentences of one language."""

    def __init__(self, rows: Mapping[str, str], names: Mapping[str, str]) -> None:
        both = {**names, **rows}
        self.plain = {key: said.format() for key, said in both.items() if HOLE not in key}
        holed = [template(key, said) for key, said in both.items() if HOLE in key]
        self.templates = sorted(holed, key=lambda one: (-one.weight, -one.fixed))
        self._found = lru_cache(maxsize=8192)(self._find)

    def translated(self, text: str) -> str:
        """The text in this language, as far as it is known; else as it is."""
        found = self._found(text)
        return text if found is None else found

    def match(self, text: str) -> tuple[Template, tuple[str, ...]] | None:
        """The template of a finished sentence, and what was filled in."""
        for one in self.templates:
            if "\n" in text and not one.lines:
                continue
            found = one.pattern.fullmatch(text) if one.anchor in text else None
            if found and (one.weight >= SHORT or all(map(self._fits, found.groups()))):
                return one, found.groups()
        return None

    def _fits(self, filled: str) -> bool:
        """Whether a short template may be around this: a name, numbers, or what is known itself."""
        if NAME.fullmatch(filled) or filled[0] in "'\"“":
            return True
        return ". " not in filled and self.whole(filled) is not None

    def whole(self, text: str) -> str | None:
        """The translation of exactly this sentence; None where it is not known."""
        if text in self.plain:
            return self.plain[text]
        if not (found := self.match(text)):
            return None
        one, filled = found
        return one.translation.format(*map(self._filled, filled, one.verbatim))

    def _filled(self, text: str, verbatim: bool) -> str:
        """What is filled in, in this language where it is said and not typed."""
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
        """Several sentences in a row, or a list of terms, each by itself."""
        for split, join in ((SENTENCE_END, ""), (re.compile(", "), "、")):
            pieces = split.split(text)
            said = [self._found(piece) for piece in pieces] if len(pieces) > 1 else []
            if any(said):
                return join.join(s or piece for s, piece in zip(said, pieces, strict=True))
        return None


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of one of LANGUAGES but English, which needs none."""
    read = {
        name: json.loads((HERE / f"{language}{name}.json").read_text("utf-8"))
        for name in ("", "_names")
    }
    return Catalogue(read[""], read["_names"])


def translated(text: str, language: str) -> str:
    """A finished sentence in a language."""
    return text if language == ENGLISH else catalogue(language).translated(text)


def preferred(header: str | None) -> str:
    """The language that an Accept-Language header (RFC 9110, 12.5.4) likes best; English if none.

    Of a range such as `zh-Hans-CN` the first subtag counts; `*` is English.
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
