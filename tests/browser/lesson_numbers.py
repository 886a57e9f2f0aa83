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


def _seeded(dim: int) -> tuple[Array, Array, Array]:
    """W and U, (8, dim), and v of the additive score: a linear congruential generator with the
    constants of Numerical Recipes (Press et al. 1992, section 7.1), from 7 on.
    """
    state, drawn = 7, []
    for _ in range(2 * 8 * dim + 8):
        state = (1664525 * state + 1013904223) % 2**32
        drawn.append(2 * state / 2**32 - 1)
    weights = np.array(drawn[: 2 * 8 * dim]).reshape(2, 8, dim) * np.sqrt(3 / dim)
    return weights[0], weights[1], np.array(drawn[2 * 8 * dim :])


def _hidden(page: Page, at: Callable[[str], Any]) -> Array:
    q, k = _pair(page, at)
    w, u, _ = _seeded(len(q))
    return np.asarray(np.tanh(w @ q + u @ k))


def _additive(page: Page, at: Callable[[str], Any], state: State) -> float:
    hidden = _hidden(page, at)
    return float(_seeded(len(_pair(page, at)[0]))[2] @ hidden)


def _loss(words: list[dict[str, Any]]) -> float:
    """The mean cross-entropy of words that were read."""
    return float(-np.mean(np.log([word["score"] for word in words])))


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


def _factors(page: Page, at: Callable[[str], Any]) -> Array:
    return _row(page, at, "z", "sigmoid")


def _kernel(page: Page, at: Callable[[str], Any], width: int) -> Array:
    z, u = _row(page, at, "z", "mean"), _row(page, at, "z", "convolution")
    padded = np.pad(z, width // 2)
    rows = np.stack([padded[i : i + len(z)] for i in range(width)], axis=1)
    return np.asarray(np.linalg.lstsq(rows, u, rcond=None)[0])


def _width(channels: int) -> int:
    """Wang et al. 2020, equation 12, as in the released code."""
    nearest = int(abs(np.log2(channels) / 2 + 1 / 2))
    return nearest if nearest % 2 else nearest + 1


def _neighbour(page: Page, at: Callable[[str], Any], state: State, by: int) -> float:
    return float(np.pad(_row(page, at, "z", "mean"), 1)[1 + int(state["channel"]) + by])


def _weights_of_se(page: Page, at: Callable[[str], Any]) -> int:
    """Of two layers from C to a sixteenth and back, both without biases."""
    channels = len(_factors(page, at))
    return 2 * channels * (channels // 16)


def _sinusoid(place: int, dim: int) -> Array:
    angles = place / 10000 ** (np.arange(0, dim, 2) / dim)
    return np.stack([np.sin(angles), np.cos(angles)], axis=1).ravel()


def _likeness(page: Page, at: Callable[[str], Any], state: State, by: int) -> float:
    dim = len(at(f"{source_of(page, 'p0')}#/vector"))
    one, other = (_sinusoid(int(state["index"]) + off, dim) for off in (0, by))
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def _theta(page: Page, at: Callable[[str], Any]) -> Array:
    return _row(page, at, "t0", "theta")


def _distances(page: Page, at: Callable[[str], Any], state: State) -> Array:
    """Of the heads of the shown layer."""
    analysis = source_of(page, "top")
    trace = at(f"{analysis}/figures/attention-distance#/data")[0]
    inside = np.array(trace["x"]) == int(state["layer"])
    return np.array(trace["y"])[inside]


def _cosine_of_sum(page: Page, at: Callable[[str], Any], state: State, layer: str) -> float:
    before, added, after = (
        float(state[f"{layer}_{name}"]) for name in ("before", "added", "after")
    )
    return (after**2 - before**2 - added**2) / (2 * before * added)


def _grown(page: Page, at: Callable[[str], Any], state: State) -> float:
    additions = at(f"{source_of(page, 'f_after')}#/additions")
    first = next(one for one in additions if one["kind"] == "attention")
    token = 1 + 14 * int(state["row"]) + int(state["column"])
    return float(state["f_after"]) / float(first["before"][token])


def _bare(page: Page, at: Callable[[str], Any]) -> Array:
    """What a word would look at if nothing were masked."""
    return _softmax(_row(page, at, "share0", "scaled"))


def _brightest(page: Page, at: Callable[[str], Any]) -> int:
    return int(_row(page, at, "place", "softmax").argmax())


def _mine(page: Page, at: Callable[[str], Any]) -> tuple[Array, list[tuple[int, int]]]:
    """What the class token looks at, and the four patches in the middle."""
    values = np.array(at(f"{source_of(page, 'most')}#/values"))
    rows, columns = values.shape
    cells = [(rows // 2 - r, columns // 2 - c) for r in (0, 1) for c in (0, 1)]
    return values, cells


def _agree(page: Page, at: Callable[[str], Any], state: State) -> int:
    values, cells = _mine(page, at)
    best = np.argsort(values.ravel())[::-1][: len(cells)]
    return sum((int(i) // values.shape[1], int(i) % values.shape[1]) in cells for i in best)


def _mass(page: Page, at: Callable[[str], Any], state: State) -> float:
    values, cells = _mine(page, at)
    return float(sum(values[cell] for cell in cells) / values.sum())


TWINS: dict[str, dict[str, Twin]] = {
    "attention": {
        **{name: shown(name) for name in ("head", "row", "column", "keyRow", "keyColumn")},
        "keys": lambda page, at, state: len(step(page, at, "dot", "softmax")),
        "even": lambda page, at, state: 1 / len(step(page, at, "dot", "softmax")),
        "cosine": _cosine,
        "additive": _additive,
        "h0": lambda page, at, state: _hidden(page, at)[0],
        "h1": lambda page, at, state: _hidden(page, at)[1],
        "w0": lambda page, at, state: _seeded(len(_pair(page, at)[0]))[2][0],
        "w1": lambda page, at, state: _seeded(len(_pair(page, at)[0]))[2][1],
        "width": lambda page, at, state: 8,
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
    "se": {
        "channel": shown("channel"),
        "r": lambda page, at, state: len(_factors(page, at)) / len(step(page, at, "z", "relu")),
        "on": lambda page, at, state: int((_row(page, at, "z", "relu") > 0).sum()),
        "sum": lambda page, at, state: _factors(page, at).sum(),
        "mean": lambda page, at, state: _factors(page, at).mean(),
        "least": lambda page, at, state: _factors(page, at).min(),
    },
    "eca": {
        "channel": shown("channel"),
        "k": lambda page, at, state: _width(len(_factors(page, at))),
        "exact": lambda page, at, state: np.log2(len(_factors(page, at))) / 2 + 1 / 2,
        "w0": lambda page, at, state: _kernel(page, at, 5)[2],
        "left": lambda page, at, state: _neighbour(page, at, state, -1),
        "right": lambda page, at, state: _neighbour(page, at, state, 1),
        "weightsSe": lambda page, at, state: _weights_of_se(page, at),
        "times": lambda page, at, state: _weights_of_se(page, at) / 5,
        "neighbours": lambda page, at, state: 5,
    },
    "cbam": {
        **{name: shown(name) for name in ("channel", "row", "column")},
        "both": lambda page, at, state: float(state["s"]) * float(state["m"]),
    },
    "positions": {
        **{name: shown(name) for name in ("row", "column")},
        "index": lambda page, at, state: 14 * int(state["row"]) + int(state["column"]),
        "patches": lambda page, at, state: np.size(at(f"{source_of(page, 'right')}#/values")),
        "d": lambda page, at, state: len(at(f"{source_of(page, 'p0')}#/vector")),
        "sin": lambda page, at, state: np.sin(int(state["index"])),
        "cos": lambda page, at, state: np.cos(int(state["index"])),
        "sinRight": lambda page, at, state: _likeness(page, at, state, 1),
        "sinBelow": lambda page, at, state: _likeness(page, at, state, 14),
    },
    "spatial-transformer": {
        **{name: shown(name) for name in ("outRow", "outColumn")},
        "weights": lambda page, at, state: 1,
        "turn": lambda page, at, state: np.degrees(
            np.arctan2(_theta(page, at)[1, 0], _theta(page, at)[0, 0])
        ),
        "area": lambda page, at, state: abs(np.linalg.det(_theta(page, at)[:, :2])),
    },
    "feature-map": {
        **{name: shown(name) for name in ("row", "column", "keyRow", "keyColumn")},
        "places": lambda page, at, state: len(step(page, at, "d", "softmax")),
        "even": lambda page, at, state: 1 / len(step(page, at, "d", "softmax")),
        "eighth": lambda page, at, state: (
            len(step(page, at, "d", "value")) / len(step(page, at, "d", "query"))
        ),
        "x0": lambda page, at, state: (
            float(state["y0"]) - float(state["gamma"]) * float(state["o0"])
        ),
    },
    "vit": {
        "layer": shown("layer"),
        "layers": lambda page, at, state: sum(
            site["kind"] == "attention" for site in at(f"{source_of(page, 'top')}#/sites")
        ),
        "patches": lambda page, at, state: int(state["rows"]) * int(state["columns"]),
        "distance": lambda page, at, state: _distances(page, at, state).mean(),
        "nearest": lambda page, at, state: _distances(page, at, state).min(),
        "farthest": lambda page, at, state: _distances(page, at, state).max(),
        "roll": lambda page, at, state: np.max(
            at(f"{source_of(page, 'top')}/maps/rollout#/values")
        ),
    },
    "tnt": {
        **{name: shown(name) for name in ("block", "row", "column", "word")},
        "scores": lambda page, at, state: int(state["sentences"]) * int(state["words"]) ** 2,
        "scoresFlat": lambda page, at, state: (int(state["sentences"]) * int(state["words"])) ** 2,
        "most": lambda page, at, state: _row(page, at, "share", "softmax").argmax(),
        "even": lambda page, at, state: 1 / len(step(page, at, "share", "softmax")),
    },
    "encoder": {
        "open": lambda page, at, state: sum(x > 0 for x in step(page, at, "h0", "activation")),
        **{name: shown(name) for name in ("block", "row", "column")},
        "blocks": lambda page, at, state: sum(
            one["kind"] == "attention" for one in at(f"{source_of(page, 'd')}#/additions")
        ),
        "aCos": lambda page, at, state: _cosine_of_sum(page, at, state, "a"),
        "square": lambda page, at, state: float(state["a_after"]),
        "grown": _grown,
    },
    "decoder": {
        "loss": lambda page, at, state: _loss(at(f"{source_of(page, 'given0')}#/output/words")),
        "ownLoss": lambda page, at, state: _loss(at(f"{source_of(page, 'word')}#/output/words")),
        **{name: shown(name) for name in ("number", "head")},
        "seen": lambda page, at, state: int(state["number"]) + 1,
        "later": lambda page, at, state: (
            len(step(page, at, "share0", "softmax")) - int(state["number"]) - 1
        ),
        "count": lambda page, at, state: len(at(f"{source_of(page, 'word')}#/output/words")),
        "row": lambda page, at, state: _brightest(page, at) // 14,
        "column": lambda page, at, state: _brightest(page, at) % 14,
        "patches": lambda page, at, state: len(step(page, at, "place", "softmax")),
        "even": lambda page, at, state: 1 / len(step(page, at, "place", "softmax")),
        "bare0": lambda page, at, state: _bare(page, at)[0],
        "cheat": lambda page, at, state: _bare(page, at)[int(state["number"]) + 1 :].sum(),
        "self": lambda page, at, state: step(page, at, "share0", "softmax")[int(state["number"])],
    },
    "what": {
        "patches": lambda page, at, state: _mine(page, at)[0].size,
        "count": lambda page, at, state: len(_mine(page, at)[1]),
        "even": lambda page, at, state: len(_mine(page, at)[1]) / _mine(page, at)[0].size,
        "mass": _mass,
        "agree": _agree,
        "row": lambda page, at, state: _mine(page, at)[0].argmax() // 14,
        "column": lambda page, at, state: _mine(page, at)[0].argmax() % 14,
    },
}
