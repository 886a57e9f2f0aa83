"""How an edit changed a network's answer."""

from __future__ import annotations

from typing import Any

from fovea.models.running.tasks import Mask
from fovea.server.engine.analysis import Analysis

TOP = 5


def change_of(before: Analysis, after: Analysis) -> dict[str, Any]:
    """Compares the edited answer with the original one.

    classes: probability and logit of the five best classes of both answers, best of the original
    first · words: the text before and after · share: fraction of a mask's pixels whose class
    changed.
    """
    return {
        "classes": _classes(before, after),
        "words": _words(before, after),
        "share": _share(before, after),
    }


def _classes(before: Analysis, after: Analysis) -> list[dict[str, Any]]:
    if before.logits is None or after.logits is None:
        return []
    logits = before.logits, after.logits
    scores = [one.softmax(-1) for one in logits]
    top = [one.topk(min(TOP, len(one))).indices.tolist() for one in logits]
    return [
        {
            "index": index,
            "label": before.model.label(index),
            **{
                when: {"score": float(score[index]), "logit": float(logit[index])}
                for when, score, logit in zip(("before", "after"), scores, logits, strict=True)
            },
        }
        for index in dict.fromkeys([*top[0], *top[1]])
    ]


def _words(before: Analysis, after: Analysis) -> list[str] | None:
    if before.sentence is None or after.sentence is None:
        return None
    return [before.sentence.text, after.sentence.text]


def _share(before: Analysis, after: Analysis) -> float | None:
    if not (isinstance(before.output, Mask) and isinstance(after.output, Mask)):
        return None
    return float((before.output.classes != after.output.classes).float().mean())
