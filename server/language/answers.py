"""Translates the sentences in a JSON answer and leaves everything else unchanged."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fovea.server.language.translating import catalogue

SAID = frozenset(
    {
        "title", "detail", "hint", "message", "reason", "summary", "sentence", "sentence_english",
        "map_sentence", "note", "warnings", "label", "labels", "equation", "paper", "licence",
        "credit", "by", "unit",
    }
)  # fmt: skip
"""Members that hold a sentence, a class label, or a list of them; Plotly nests a title's text. All
other members are names, numbers and data.
"""

PARAMETERS = "sentence_parameters"

OF_WORDS = ("captioning", "sequence")
"""Tasks whose labels are a vocabulary, which is never translated."""


def in_language(answer: Any, language: str) -> Any:
    """The answer with its sentences in another language."""
    return _walked(answer, "", catalogue(language).translated)


def _walked(value: Any, name: str, say: Callable[[str], str]) -> Any:
    match value:
        case str() if name == "hovertemplate":  # Plotly's: an axis stands before its placeholder
            return re.sub(r"[a-z]+(?= %\{)", lambda axis: _axis(axis[0], say), value)
        case {"title": {"text": str(axis)}} if name in ("xaxis", "yaxis"):
            return {**value, "title": {**value["title"], "text": _axis(axis, say)}}
        case str() if name in SAID:
            return say(value)
        case dict() if name == PARAMETERS:  # values that a client fills into a sentence
            return {key: say(one) if isinstance(one, str) else one for key, one in value.items()}
        case dict():
            words = value.get("task") in OF_WORDS or value.get("reads") == "text"
            return {
                key: one
                if key == "labels" and words
                else _walked(one, "title" if key == "text" and name == "title" else key, say)
                for key, one in value.items()
            }
        case [str(), *_] if name in SAID:
            return [say(one) if isinstance(one, str) else one for one in value]
        case [dict() | list() | str(), *_]:
            return [_walked(one, "", say) for one in value]
        case _:
            return value


def _axis(name: str, say: Callable[[str], str]) -> str:
    """The name of a figure's axis: one word, that is typed as a parameter elsewhere."""
    said = say(f"axis {name}")
    return say(name) if said == f"axis {name}" else said
