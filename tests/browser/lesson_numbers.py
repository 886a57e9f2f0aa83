"""The lesson's numbers that no answer of the API holds, computed again from those that do."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page
from safetensors.numpy import load

State = Mapping[str, Any]
Twin = Callable[[Page, Callable[[str], Any], State], Any]
Array = npt.NDArray[np.float64]


def source_of(page: Page, name: str) -> str:
    """Where a live number comes from, without the place in it."""
    found = page.locator(f"[data-live={name}][data-from]").first.get_attribute("data-from")
    assert found is not None
    return found.partition("#")[0]


def step(page: Page, at: Callable[[str], Any], through: str, name: str) -> Any:
    """The values of a step of the answer that another live number came from."""
    path = source_of(page, through)
    return next(one["values"] for one in at(f"{path}#/steps") if one["name"] == name)


def shown(name: str) -> Twin:
    """What stands in the figure's own caption: the state, not a result."""
    return lambda page, at, state: float(state[name])


def projections(page: Page, through: str) -> dict[str, Array]:
    """Queries and keys of the site that a live number came from."""
    path = re.sub(r"/steps.*", "/projections", source_of(page, through))
    server = page.url.partition("/learn")[0]
    with urllib.request.urlopen(f"{server}/{path}") as answer:
        return {name: array.astype(np.float64) for name, array in load(answer.read()).items()}


def _pair(page: Page, at: Callable[[str], Any]) -> tuple[Array, Array]:
    q, k = (np.array(step(page, at, "dot", name)) for name in ("query", "key"))
    return q, k


def _cosine(page: Page, at: Callable[[str], Any], state: State) -> float:
    q, k = _pair(page, at)
    return float(q @ k / np.linalg.norm(q) / np.linalg.norm(k))


def _additive(page: Page, at: Callable[[str], Any], state: State) -> float:
    q, k = _pair(page, at)
    return float(np.tanh(q + k).sum())


def _row(page: Page, at: Callable[[str], Any], through: str, name: str) -> Array:
    return np.array(step(page, at, through, name), np.float64)


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def _matrix(page: Page, through: str) -> Array:
    """(head, query, key)"""
    parts = projections(page, through)
    scores = parts["query"] @ parts["key"].swapaxes(1, 2) / np.sqrt(parts["query"].shape[2])
    return _softmax(scores)


def _spread(row: Array) -> float:
    return float(np.exp(-(row * np.log(row)).sum()))


def _spreads(page: Page, state: State) -> tuple[list[float], float]:
    """Of every head and of their mean, for the query in the caption."""
    whole = _matrix(page, "d")
    query = 1 + 14 * int(state["row"]) + int(state["column"])
    return [_spread(row) for row in whole[:, query]], _spread(whole[:, query].mean(0))


def _at(page: Page, state: State, row: str, column: str) -> float:
    return float(_matrix(page, "d")[int(state["head"]), int(state[row]), int(state[column])])


TWINS: dict[str, dict[str, Twin]] = {
    "attention": {
        **{name: shown(name) for name in ("head", "row", "column", "keyRow", "keyColumn")},
        "keys": lambda page, at, state: len(step(page, at, "dot", "softmax")),
        "even": lambda page, at, state: 1 / len(step(page, at, "dot", "softmax")),
        "cosine": _cosine,
        "additive": _additive,
    },
    "softmax": {
        **{name: shown(name) for name in ("head", "row", "column", "keyRow", "keyColumn")},
        "keys": lambda page, at, state: len(step(page, at, "dot", "softmax")),
        "even": lambda page, at, state: 1 / len(step(page, at, "dot", "softmax")),
        "logSum": lambda page, at, state: np.log(np.exp(_row(page, at, "dot", "scaled")).sum()),
        "sum": lambda page, at, state: 1,
        "most": lambda page, at, state: max(step(page, at, "dot", "softmax")),
        "mostBare": lambda page, at, state: _softmax(_row(page, at, "dot", "scores")).max(),
        "five": lambda page, at, state: sum(sorted(step(page, at, "dot", "softmax"))[-5:]),
        "part0": lambda page, at, state: float(state["share"]) * float(state["v0"]),
    },
    "matrices": {
        **{name: shown(name) for name in ("head", "row", "column")},
        "n": lambda page, at, state: _matrix(page, "d").shape[1],
        "cells": lambda page, at, state: _matrix(page, "d").shape[1] ** 2,
        "rowSum": lambda page, at, state: 1,
        "columnSum": lambda page, at, state: _matrix(page, "d")[
            int(state["head"]), :, int(state["column"])
        ].sum(),
        "back": lambda page, at, state: _at(page, state, "column", "row"),
    },
    "heads": {
        **{name: shown(name) for name in ("head", "row", "column")},
        "heads": lambda page, at, state: len(step(page, at, "d", "heads")),
        "spread": lambda page, at, state: _spreads(page, state)[0][int(state["head"])],
        "narrowest": lambda page, at, state: min(_spreads(page, state)[0]),
        "widest": lambda page, at, state: max(_spreads(page, state)[0]),
        "narrow": lambda page, at, state: int(np.argmin(_spreads(page, state)[0])),
        "meanSpread": lambda page, at, state: _spreads(page, state)[1],
    },
}
