"""Formats the result of a measure: numbers beside its baselines', and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fovea.models.evidence.curves import Curve
from fovea.models.evidence.place import Spread, spread_of
from fovea.models.methods.base import Phrase

Found = dict[str, Any]


def points(found: Curve) -> list[dict[str, float]]:
    """A curve for JSON."""
    pairs = zip(found.shares, found.probabilities, strict=True)
    return [{"share": share, "probability": probability} for share, probability in pairs]


def baselines(random: Spread, scores: Mapping[str, float]) -> Found:
    """The scores of the baselines. scores: by name, with centre and edges."""
    return {
        "random": {name: finite(value) for name, value in asdict(random).items()},
        "centre": finite(scores["centre"]),
        "edges": finite(scores["edges"]),
    }


def compared(scores: Mapping[str, float], *, higher: bool) -> Found:
    """A score that is not a curve's area, compared with its baselines' scores."""
    random = spread_of([one for name, one in scores.items() if name.startswith("random")])
    sign = 1 if higher else -1
    away = sign * (scores["own"] - random.mean) / random.spread if random.spread > 0 else 0.0
    return {
        "score": finite(scores["own"]),
        "better": "higher" if higher else "lower",
        "baselines": baselines(random, scores),
        "place": {
            "against_random": None,
            "against_centre": None,
            "against_edges": None,
            "deviations": finite(away),
            "beyond_chance": away >= 2,
        },
    }


def times(
    random: float | None, centre: float | None, beyond_chance: bool, insertion: bool
) -> Phrase:
    """How many times faster than its baselines, in one sentence."""
    name = "insertion" if insertion else "deletion"
    doing, moves = ("Showing", "raises") if insertion else ("Hiding", "lowers")
    act, move = doing.lower(), moves[:-1]
    parameters = {
        "random": None if random is None else f"{random:.1f}",
        "centre": None if centre is None else f"{centre:.1f}",
    }
    if (random is not None and random <= 0) or (centre is not None and centre <= 0):
        return Phrase(
            f"{name}-no", f"{doing} what this map marks does not {move} the answer", parameters
        )
    start = f"{doing} what this map marks {moves} the answer"
    by_random = f"{{random}} times as fast as {act} at random"
    by_centre = f"{{centre}} times as fast as {act} from the middle"
    if random is None and centre is None:
        key, said = "alone", f"{start}; {act} at random or from the middle does not"
    elif random is None:
        key, said = "centre", f"{start} {by_centre}; {act} at random does not {move} it"
    elif centre is None:
        key, said = "random", f"{start} {by_random}; {act} from the middle does not {move} it"
    else:
        key, said = "both", f"{start} {by_random}, {by_centre}"
    if not beyond_chance:
        key, said = f"{key}-chance", f"{said}; that is within what chance gives"
    return Phrase(f"{name}-{key}", said, parameters)


def numbers(key: str, english: str, scores: Mapping[str, float | None], told: Found) -> Phrase:
    """A sentence with a score and its baselines', to two decimals."""
    shown = {
        "score": scores["own"],
        "random": told["baselines"]["random"]["mean"],
        "centre": told["baselines"]["centre"],
    }
    rounded = {name: "none" if one is None else f"{one:.2f}" for name, one in shown.items()}
    return Phrase(key, english, rounded)


def said(phrase: Phrase) -> Found:
    """A sentence, with what is needed to translate it."""
    return {
        "sentence": f"{phrase}.",
        "sentence_key": f"evidence-{phrase.key}",
        "sentence_english": f"{phrase.english}.",
        "sentence_parameters": dict(phrase.parameters),
    }


def finite(value: float | None) -> float | None:
    """None for numbers that JSON lacks."""
    return None if value is None or value != value or abs(value) == float("inf") else float(value)
