"""Attention for one output: score, scale, softmax, weighted sum of the values.

Vaswani et al. 2017, equation 1 and section 3.2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import rows
from fovea.models.kinds.attention.scores import Place, changes_in, score_symbol, scores
from fovea.models.kinds.attention.windows import window_of
from fovea.models.kinds.step import Step, step
from fovea.models.records import Attention, Site
from fovea.models.tracing.operations import Operation, Workings


def attention_steps(
    site: Site,
    workings: Workings,
    window: int,
    query: int,
    head: int,
    key: int | None = None,
    called: Callable[[int], str] = "token {}".format,
) -> list[Step]:
    """How the output of one query in one head is computed, and what follows.

    window, query, head, key: indices into the site's attention. key: whose key and value are shown;
    None for the most attended one · called: a key's name in a sentence. Operations after the
    weighted sum are included while they have one row per query.
    """
    held = window_of(site.attention, window)
    with torch.inference_mode():
        shares = rows(held, torch.tensor([query]))[head, 0]
        other = int(shares.argmax()) if key is None else key
        place = Place(window, head, query)
        scored = scores(site.attention, workings, place, shares, other, called(other))
        found = [*scored, _shares(shares, scored)]
        value = values_of(workings, site.attention, window)
        if value is None:
            return found
        # One head of values may serve several heads of queries.
        heads = value if value.shape[0] > 1 else value.expand(held.shape[1], -1, -1)
        found += _mixture(shares, heads[head], other, called(other))
        together = torch.einsum("hk,hkd->hd", rows(held, torch.tensor([query]))[:, 0], heads)
        if len(together) > 1:
            found.append(
                step(
                    "heads",
                    f"every one of the {len(together)} heads does so with queries, keys and values "
                    "of its own; their outputs are put side by side",
                    "o = [o¹, …, oʰ]",
                    together,
                    ("head", "head_dim"),
                )
            )
        where = _Row(window, site.attention.shape[0], query, held.shape[2])
        for operation in workings.after:
            found += _after(operation, where, {one.name for one in found})
        return found


def values_of(workings: Workings, attention: Attention, window: int) -> Tensor | None:
    """(head, key, head_dim), or one head for all; None if windows or heads were reordered in the
    site.
    """
    windows, heads, _, keys = attention.shape
    value = workings.value
    if value is None or value.shape[0] != windows or value.shape[2] != keys:
        return None
    return value[window].float() if value.shape[1] in (1, heads) else None


def _shares(shares: Tensor, scored: list[Step]) -> Step:
    """The softmax step from the last known scores, or its result alone."""
    if not scored:
        sentence = "the scores as shares that sum to 1, as the network itself made them"
        return step("softmax", sentence, "p_j", shares, ("key",))
    last = score_symbol(changes_in(scored))
    formula = f"p_j = exp({last}) / Σ exp({last})"
    return step("softmax", "the scores as shares that sum to 1", formula, shares, ("key",))


def _mixture(shares: Tensor, value: Tensor, key: int, called: str) -> list[Step]:
    return [
        step("value", f"what {called} gives", "v = W_V x", value[key], ("head_dim",)),
        step(
            "weighted values",
            "the length of every value times its share: how much each key brings in "
            "(Kobayashi et al. 2020)",
            "‖p_j v_j‖",
            shares * value.norm(dim=1),
            ("key",),
        ),
        step(
            "output",
            "the values added up, each by its share",
            "o = Σ p_j v_j",
            shares @ value,
            ("head_dim",),
        ),
    ]


class _Row(NamedTuple):
    """Which row of a module's output belongs to the query."""

    window: int
    windows: int
    query: int
    queries: int

    def of(self, made: Tensor | None) -> Tensor | None:
        """The query's entries of a call's result, (channel,); None if it has no such row."""
        if made is None or made.shape[0] != self.windows:
            return None
        made = made[self.window]
        if made.ndim == 3 and made.shape[1] * made.shape[2] == self.queries:
            return made.flatten(1)[:, self.query]  # (channel, row, column)
        if made.ndim == 2 and made.shape[0] == self.queries:  # (token, channel)
            return made[self.query]
        return None


_NEXT = {
    "linear": ("projected", "the heads' outputs, mixed by the output matrix", "y = W_O o + b"),
    "conv2d": ("projected", "the heads' outputs, mixed by the output matrix", "y = W_O o + b"),
    "add": ("added", "and added to what was there before", "x + y"),
}
"""The steps after the weighted sum, by name of the torch function."""

_FURTHER = ("layer", "a further layer", "W y + b")


def _after(operation: Operation, where: _Row, told: set[str]) -> list[Step]:
    """What the site's module computed next, in the query's row; empty if there is no such row.

    told: names of earlier steps: after the output matrix, further layers are named generically.
    """
    scalars = [parameter for parameter in operation.parameters if parameter.numel() == 1]
    if operation.name in ("mul", "rmul") and scalars:
        sentence = "how much of what was seen is let in; learned, from 0 on"
        return [step("γ", sentence, "γ", scalars[0].reshape(()), (), operation.module)]
    row = where.of(operation.made)
    if row is None or operation.name not in _NEXT:
        return []
    words = _NEXT[operation.name]
    words = _FURTHER if words[0] == "projected" and "projected" in told else words
    return [step(*words, row, ("channel",), operation.module)]
