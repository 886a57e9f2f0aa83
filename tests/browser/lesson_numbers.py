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


TWINS: dict[str, dict[str, Twin]] = {
    "attention": {
        **{name: shown(name) for name in ("head", "row", "column", "keyRow", "keyColumn")},
        "keys": lambda page, at, state: len(step(page, at, "dot", "softmax")),
        "even": lambda page, at, state: 1 / len(step(page, at, "dot", "softmax")),
        "cosine": _cosine,
        "additive": _additive,
    },
}
