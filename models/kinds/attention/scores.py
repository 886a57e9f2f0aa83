"""The scores in one query's row, from the product to just before the softmax.

For a fused kernel they follow from the formula (Vaswani et al. 2017, equation 1); if the network
computed its matrix itself they come from the recorded calls.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import rows
from fovea.models.kinds.attention.windows import window_of
from fovea.models.kinds.step import Step, step
from fovea.models.records import Attention
from fovea.models.tracing.operations import Workings

HIDDEN = -50.0
"""Additive value that masks a key: its exponential is zero in a softmax."""


CHANGES = frozenset({"scaled", "masked", "biased", "changed"})
"""Steps that turn scores into new scores."""


def score_symbol(changes: int) -> str:
    """The symbol for the score of key j after that many changes: s_j, s′_j, s″_j, …"""
    return f"s{'′' * changes}_j"


class Place(NamedTuple):
    """Selects a row: indices into a site's attention."""

    window: int
    head: int
    query: int


def scores(
    attention: Attention, workings: Workings, at: Place, shares: Tensor, key: int, called: str
) -> list[Step]:
    """The steps before the softmax whose result is `shares`, (key,); none if unknown.

    key: whose vector is shown beside the query's; called: its name in a sentence.
    """
    if attention.query is not None:
        return _by_formula(window_of(attention, at.window), at, key, called)
    return _by_calls(workings, attention.shape, at, shares, key, called)


def _by_formula(held: Attention, at: Place, key: int, called: str) -> list[Step]:
    assert held.query is not None
    assert held.key is not None
    asks, answers = held.query[0, at.head, at.query].float(), held.key[0, at.head].float()
    agreement = answers @ asks
    found = [*_pair(asks, answers[key], called), _agreement(agreement)]
    if abs(held.scale - 1) > 1e-6:
        found.append(_scaled(agreement * held.scale, held.scale, len(asks), 1))
    if held.mask is not None or held.causal:
        before = agreement * held.scale
        logs = rows(held, torch.tensor([at.query]))[at.head, 0].log()
        after = torch.where(logs.isneginf(), -torch.inf, before)
        if held.mask is not None and held.mask.dtype != torch.bool:
            mask = held.mask[0].float()
            mask = mask[at.head if mask.shape[0] > 1 else 0]
            after = after + mask[at.query if mask.shape[0] > 1 else 0]
        found.append(_added(before, after, changes_in(found) + 1))
    return found


def changes_in(steps: list[Step]) -> int:
    """The number of steps that changed the scores."""
    return sum(one.name in CHANGES for one in steps)


def _by_calls(
    workings: Workings,
    shape: tuple[int, int, int, int],
    at: Place,
    shares: Tensor,
    key: int,
    called: str,
) -> list[Step]:
    """The recorded results in the query's row. None if its softmax is not what weighed the values:
    windows or heads were reordered, or shares changed after the softmax.
    """
    rows_of_calls = [(one.name, _row(one.made, shape, at)) for one in workings.before]
    known = [(name, row) for name, row in rows_of_calls if row is not None]
    if not known or not torch.allclose(known[-1][1].softmax(-1), shares, atol=1e-4):
        return []
    (_, before), *changes = known
    found, head_dim = [_agreement(before)], None
    pair = _factors(workings.factors, shape, at, before)
    if pair is not None:
        asks, answers = pair
        found, head_dim = [*_pair(asks, answers[key], called, "q", "k"), *found], len(asks)
    for name, after in changes:
        if not torch.equal(before, after):
            found.append(_change(name, before, after, head_dim, changes_in(found) + 1))
            before = after
    return found


def _row(made: Tensor | None, shape: tuple[int, ...], at: Place) -> Tensor | None:
    """(key,) of a call's result; None unless it has an entry for every query and key."""
    if made is None or made.shape[-2:] != shape[2:] or made.numel() != math.prod(shape):
        return None
    return made.reshape(shape)[at].float()


def _factors(
    factors: tuple[Tensor, ...], shape: tuple[int, int, int, int], at: Place, agreement: Tensor
) -> tuple[Tensor, Tensor] | None:
    """(head_dim,) of the query and (key, head_dim) of all keys, if their product is `agreement`."""
    windows, heads, queries, keys = shape
    if len(factors) != 2:
        return None
    asking, answering = factors
    dim, rest = divmod(asking.numel(), windows * heads * queries)
    if rest or answering.numel() != windows * heads * keys * dim:
        return None
    asks = asking.reshape(windows, heads, queries, dim)[at].float()
    for answers in (
        answering.reshape(windows, heads, dim, keys).transpose(2, 3),
        answering.reshape(windows, heads, keys, dim),
    ):
        offered = answers[at.window, at.head].float()
        if torch.allclose(offered @ asks, agreement, rtol=1e-3, atol=1e-4):
            return asks, offered
    return None


def _pair(
    asks: Tensor, offers: Tensor, called: str, query: str = "q = W_Q x", key: str = "k = W_K x"
) -> list[Step]:
    """The formulas of query and key; without projection if the network may have scaled or
    normalised them.
    """
    return [
        step("query", "what the token asks for", query, asks, ("head_dim",)),
        step("key", f"what {called} offers", key, offers, ("head_dim",)),
    ]


def _agreement(row: Tensor) -> Step:
    sentence = "agreement of the query with every key: their dot product"
    return step("scores", sentence, "s_j = q · k_j", row, ("key",))


def _change(name: str, before: Tensor, after: Tensor, head_dim: int | None, nth: int) -> Step:
    """How a call changed the scores, inferred from its results. nth: index of the change."""
    factor = (after @ before / (before @ before)).item()
    if torch.allclose(after, before * factor, rtol=1e-4, atol=1e-6):
        return _scaled(after, factor, head_dim, nth)
    if "add" in name or "sub" in name or (after - before).min() <= HIDDEN:
        return _added(before, after, nth)
    formula = f"{score_symbol(nth)} = f({score_symbol(nth - 1)})"
    return step("changed", f"the network changes its scores: {name}", formula, after, ("key",))


def _scaled(row: Tensor, factor: float, head_dim: int | None, nth: int) -> Step:
    old, new = score_symbol(nth - 1), score_symbol(nth)
    if head_dim is not None and abs(factor * head_dim**0.5 - 1) < 1e-3:
        return step("scaled", f"divided by √{head_dim}", f"{new} = {old} / √d", row, ("key",))
    return step("scaled", f"times {factor:g}", f"{new} = c {old}", row, ("key",))


def _added(before: Tensor, after: Tensor, nth: int) -> Step:
    old, new = score_symbol(nth - 1), score_symbol(nth)
    if (after - before).min() <= HIDDEN:
        sentence = "the mask is added: −∞, or almost, where the query may not look"
        return step("masked", sentence, f"{new} = {old} + m_j", after, ("key",))
    sentence = "a bias is added to each: often for where the key lies, seen from the query"
    return step("biased", sentence, f"{new} = {old} + b_j", after, ("key",))
