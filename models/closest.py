"""Finds the known word closest to a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most similar to `word`, ignoring case; None if none is close.

    cutoff: minimum similarity, 0 to 1, as in difflib.
    """
    lowered = {one.lower(): one for one in reversed(list(known))}
    found = difflib.get_close_matches(word[:100].lower(), list(lowered), n=1, cutoff=cutoff)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A "did you mean" question; empty if no known word is close."""
    found = closest(word, known, cutoff=0.5)
    return "" if found is None else f" Did you mean {found!r}?"
