"""Edits a running attention: scores before the softmax, or outputs before the heads are joined.

A fused kernel stays fused: scores are changed through its query, scale and mask, outputs after it,
and if few queries are blocked only their rows are recomputed. If the network computed the matrix
itself, the matrix that weighs the values is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fovea.models.records import Attention
from fovea.models.tracing.tensors import four_axes

FEW_ROWS = 1 / 8
"""Up to this fraction of queries, rows are recomputed instead of masking the whole kernel."""
TINY = 1e-30
"""A smaller share is that of a masked key."""
NOTHING_LEFT = "A query was blocked from every key that it may look at; its output is zero there."

Where = tuple[int | None, int]
"""(window, token); window None for all."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Scores that become −∞. queries, keys: None for all; heads: which."""

    queries: tuple[Where, ...] | None
    keys: tuple[Where, ...] | None
    heads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The change at one attention: edits of heads by number, in order.

    windows: of one photo. arrange: converts heads and windows of one photo from the network's order
    to (window, head, …); None if they are in that order.
    """

    heads: int
    temperatures: tuple[tuple[float, tuple[int, ...]], ...] = ()
    blocked: tuple[Blocked, ...] = ()
    uniform: tuple[int, ...] = ()
    to_self: tuple[int, ...] = ()
    mean: tuple[int, ...] = ()
    off: tuple[int, ...] = ()
    windows: int = 1
    arrange: Callable[[Tensor], Tensor] | None = None

    def photos_in(self, windows: int) -> int:
        """How many photos go through the network, by the windows of all of them; 1 where a matrix
        is the same for all.
        """
        photos, rest = divmod(windows, self.windows)
        return 1 if rest else max(photos, 1)

    def arranged(self, tensor: Tensor) -> Tensor:
        """A captured tensor, (…, row, column) of four axes, as (window, head, row, column): the
        windows of one photo after those of another.
        """
        if self.arrange is None:
            return tensor
        photos = self.photos_in(tensor.shape[0] * tensor.shape[1] // self.heads)
        return torch.cat([self.arrange(part) for part in tensor.chunk(photos)])


def of_heads(chosen: tuple[int, ...], heads: int, device: torch.device) -> Tensor:
    """Bool (head, 1, 1): the selected heads."""
    mask = torch.zeros(heads, 1, 1, dtype=torch.bool, device=device)
    mask[list(chosen)] = True
    return mask


def _is_any(
    where: tuple[Where, ...] | None, windows: int, tokens: int, each: int, like: Tensor
) -> Tensor:
    """Bool (window or 1, token): the selected tokens. windows: of all photos; each: of one."""
    if where is None:
        return torch.ones(1, tokens, dtype=torch.bool, device=like.device)
    apart = any(window is not None for window, _ in where)
    found = torch.zeros(windows if apart else 1, tokens, dtype=torch.bool, device=like.device)
    for window, token in where:
        if token < tokens:  # a sentence in progress may still be shorter
            found[slice(None) if window is None else slice(window, None, each), token] = True
    return found


def blocked_mask(change: Change, shape: tuple[int, int, int, int], like: Tensor) -> Tensor | None:
    """Bool, broadcastable to (window, head, query, key): True where a score becomes −∞."""
    windows, heads, queries, keys = shape
    found: Tensor | None = None
    for one in change.blocked:
        asks = _is_any(one.queries, windows, queries, change.windows, like)[:, None, :, None]
        answers = _is_any(one.keys, windows, keys, change.windows, like)[:, None, None, :]
        both = asks & answers if one.queries is not None else answers
        if len(one.heads) < heads:
            both = both & of_heads(one.heads, heads, like.device)
        found = both if found is None else found | both
    return found


def _added(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """A mask in additive form."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    zero = torch.zeros((), dtype=dtype, device=mask.device)
    return torch.where(mask, zero, torch.tensor(-torch.inf, dtype=dtype, device=mask.device))


# --- a fused kernel -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Fused:
    """The arguments of a fused kernel: (…, head, token, head_dim), four axes or three."""

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    causal: bool
    scale: float
    dropout: float


Kernel = Callable[[Fused], Tensor]


def fused(
    call: Fused, change: Change, kernel: Kernel, note: Callable[[str], None]
) -> tuple[Tensor, Tensor, Fused]:
    """(output, the attention before edits of outputs, the call as made).

    The output continues into the network; gradients of the record refer to the attention.
    """
    given, call = call, _apart(call, change)
    call = _with_scores(call, change)
    queries, keys = call.query.shape[-2], call.key.shape[-2]
    windows = call.query.shape[0]
    blocked = blocked_mask(change, (windows, change.heads, queries, keys), call.query)
    rows = _few_rows(change, queries)
    if blocked is None:
        attended = kernel(call)
    elif rows is not None:
        attended = _rows_again(kernel(call), call, blocked, rows, note)
        call = _masked(call, ~blocked)
    else:
        call = _masked(call, ~blocked)
        attended = kernel(call)
        empty = _empty_rows(call)
        if empty is not None:
            note(NOTHING_LEFT)
            attended = attended.masked_fill(empty, 0)
    if change.to_self:
        heads = of_heads(change.to_self, change.heads, call.query.device)
        attended = torch.where(heads, call.value, attended)
        call = _masked(call, _identity_of(heads, queries, call.query.device))
    output = _with_outputs(attended, change)
    shape = (*given.query.shape[:-1], given.value.shape[-1])
    return (
        _as_given(output, shape, change),
        _as_given(attended, shape, change),
        _call_as_given(call, given, change),
    )


def _apart(call: Fused, change: Change) -> Fused:
    """The call with its tensors as (window, head, token, head_dim)."""
    query, key, value = (
        change.arranged(four_axes(one)) for one in (call.query, call.key, call.value)
    )
    mask = call.mask
    if mask is not None and mask.ndim > 2 and (mask.ndim != 4 or change.arrange is not None):
        mask = mask.expand(*call.query.shape[:-1], call.key.shape[-2])
        mask = change.arranged(four_axes(mask))
    return replace(call, query=query, key=key, value=value, mask=mask)


def _as_given(tensor: Tensor, shape: tuple[int, ...], change: Change) -> Tensor:
    """What was taken apart, in the arrangement of the network again."""
    if change.arrange is None:
        return tensor.reshape(shape)
    like = torch.empty(shape, device=tensor.device)
    return _back(like, lambda one: change.arranged(four_axes(one)))(tensor)


def _call_as_given(call: Fused, given: Fused, change: Change) -> Fused:
    """The call as it was made, its tensors where the network has them."""
    mask = call.mask
    if mask is not None and mask.ndim > 2 and (given.query.ndim != 4 or change.arrange is not None):
        shape = (*given.query.shape[:-1], given.key.shape[-2])
        mask = mask.expand(*call.query.shape[:-1], call.key.shape[-2])
        mask = _as_given(mask, shape, change)
    return replace(
        call,
        query=_as_given(call.query, tuple(given.query.shape), change),
        key=given.key,
        value=given.value,
        mask=mask,
    )


def _with_scores(call: Fused, change: Change) -> Fused:
    """The call with scores divided by temperatures, and equal scores for uniform heads."""
    for value, heads in change.temperatures:
        if len(heads) == change.heads:
            mask = (
                call.mask
                if call.mask is None or call.mask.dtype == torch.bool
                else (call.mask / value)
            )
            call = replace(call, scale=call.scale / value, mask=mask)
        else:
            chosen = of_heads(heads, change.heads, call.query.device)
            mask = call.mask
            if mask is not None and mask.dtype != torch.bool:
                mask = torch.where(chosen, mask / value, mask)
            call = replace(
                call, query=torch.where(chosen, call.query / value, call.query), mask=mask
            )
    if change.uniform:
        chosen = of_heads(change.uniform, change.heads, call.query.device)
        mask = call.mask
        if mask is not None and mask.dtype != torch.bool:  # a bias would make shares unequal
            mask = torch.where(chosen & torch.isfinite(mask), torch.zeros_like(mask), mask)
        call = replace(call, query=torch.where(chosen, 0.0, call.query), mask=mask)
    return call


def _masked(call: Fused, allowed: Tensor) -> Fused:
    """The call with an additional boolean mask; a causal mask is written out, as kernels accept
    only one.
    """
    if call.causal:
        shape = call.query.shape[-2], call.key.shape[-2]
        lower = torch.ones(shape, dtype=torch.bool, device=call.query.device).tril()
        allowed = allowed & lower
    mask = call.mask
    if mask is None:
        mask = allowed
    elif mask.dtype == torch.bool:
        mask = mask & allowed
    else:
        mask = torch.where(allowed, mask, torch.tensor(-torch.inf).to(mask))
    return replace(call, mask=mask, causal=False)


def _empty_rows(call: Fused) -> Tensor | None:
    """Bool (…, query, 1): rows in which every key is masked; None if there are none."""
    assert call.mask is not None
    allowed = call.mask if call.mask.dtype == torch.bool else torch.isfinite(call.mask)
    empty = ~allowed.any(-1, keepdim=True)
    return empty if bool(empty.any()) else None


def _few_rows(change: Change, queries: int) -> Tensor | None:
    """The blocked queries, if they are few and the attention has no windows."""
    found: set[int] = set()
    for one in change.blocked:
        if one.queries is None:
            return None
        if any(window is not None for window, _ in (*one.queries, *(one.keys or ()))):
            return None
        found |= {token for _, token in one.queries}
    return torch.tensor(sorted(found)) if len(found) <= FEW_ROWS * queries else None


def _rows_again(
    attended: Tensor, call: Fused, blocked: Tensor, rows: Tensor, note: Callable[[str], None]
) -> Tensor:
    """The output with these rows recomputed, with −∞ for blocked scores."""
    rows = rows.to(attended.device)
    query = call.query.index_select(-2, rows)
    scores = (query @ call.key.transpose(-2, -1)).float() * call.scale
    mask = _added(call.mask, scores.dtype)
    if mask is not None:
        mask = mask.expand(*mask.shape[:-2], attended.shape[-2], mask.shape[-1])
        scores = scores + mask.index_select(-2, rows)
    if call.causal:
        keys = torch.arange(call.key.shape[-2], device=attended.device)
        scores = scores.masked_fill(keys > rows[:, None], -torch.inf)
    hidden = blocked.expand(*blocked.shape[:-2], attended.shape[-2], blocked.shape[-1])
    hidden = hidden.index_select(-2, rows)
    scores = scores.masked_fill(hidden, -torch.inf)
    empty = torch.isinf(scores).all(-1, keepdim=True)
    if bool(empty.any()):
        note(NOTHING_LEFT)
    shares = torch.where(empty, 0.0, scores.masked_fill(empty, 0.0).softmax(-1))
    return attended.index_copy(-2, rows, (shares.to(call.value) @ call.value).to(attended))


def _identity_of(heads: Tensor, tokens: int, device: torch.device) -> Tensor:
    return (~heads | torch.eye(tokens, dtype=torch.bool, device=device))[None]


def _with_outputs(attended: Tensor, change: Change) -> Tensor:
    """(…, head, token, head_dim) with the outputs of some heads replaced."""
    output = attended
    if change.mean:
        chosen = of_heads(change.mean, change.heads, output.device)
        output = torch.where(chosen, _mean_over_tokens(output, change), output)
    if change.off:
        output = output.masked_fill(of_heads(change.off, change.heads, output.device), 0)
    return output


def _mean_over_tokens(output: Tensor, change: Change) -> Tensor:
    """The mean over all tokens of a photo, including those in windows folded into the batch."""
    mean = output.mean(-2, keepdim=True)
    photos = change.photos_in(mean.shape[0])
    windows = mean.shape[0] // photos
    if windows > 1:
        mean = mean.unflatten(0, (photos, windows)).mean(1, keepdim=True)
        mean = mean.expand(-1, windows, *mean.shape[2:]).flatten(0, 1)
    return mean


def record_of(call: Fused, *, values: bool) -> Attention:
    """The record of the call that was made."""
    return Attention(
        query=four_axes(call.query.detach()),
        key=four_axes(call.key.detach()),
        value=four_axes(call.value.detach()) if values else None,
        mask=None if call.mask is None else _four_of_mask(call.mask.detach(), call.query),
        scale=call.scale,
        causal=call.causal,
    )


def _four_of_mask(mask: Tensor, query: Tensor) -> Tensor:
    if query.ndim == 3 and mask.ndim == 3:
        return mask[:, None]
    return four_axes(mask)


# --- a matrix of the network's own --------------------------------------------------------------


def weighed(
    factor: Tensor,
    arranged: Callable[[Tensor], Tensor],
    change: Change,
    note: Callable[[str], None],
    exact: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(what now weighs the values, the matrix that is recorded), both of the factor's shape.

    factor: the network's matrix, in its own arrangement; arranged: the same as (batch, head, query,
    key). They differ if a head's output is changed without changing its attention. exact: the
    factor in higher precision, if it is known.
    """
    if change.arrange is not None:
        captured = arranged

        def arranged(tensor: Tensor) -> Tensor:
            return change.arranged(captured(tensor))

    looks = _edited(arranged(factor if exact is None else exact), change, note)
    weighs = looks
    if change.mean:
        chosen = of_heads(change.mean, change.heads, factor.device)
        weighs = torch.where(chosen, weighs.mean(-2, keepdim=True), weighs)
    if change.off:
        weighs = weighs.masked_fill(of_heads(change.off, change.heads, factor.device), 0)
    back = _back(factor, arranged)
    recorded = factor if looks is weighs and not _looks_elsewhere(change) else back(looks)
    return back(weighs).to(factor.dtype), recorded.to(factor.dtype)


def _looks_elsewhere(change: Change) -> bool:
    return bool(change.temperatures or change.blocked or change.uniform or change.to_self)


def _edited(matrix: Tensor, change: Change, note: Callable[[str], None]) -> Tensor:
    """(batch, head, query, key) with edited shares: the softmax of changed scores."""
    batch, heads, queries, keys = matrix.shape
    for value, chosen in change.temperatures:
        # softmax(s / t) equals softmax(s)^(1/t), renormalised.
        powered = matrix.clamp(min=0) ** (1 / value)
        powered = powered / powered.sum(-1, keepdim=True).clamp(min=TINY)
        matrix = torch.where(of_heads(chosen, change.heads, matrix.device), powered, matrix)
    if change.uniform:
        allowed = (matrix > TINY).to(matrix)
        equal = allowed / allowed.sum(-1, keepdim=True).clamp(min=1)
        matrix = torch.where(of_heads(change.uniform, change.heads, matrix.device), equal, matrix)
    if change.to_self:
        itself = torch.eye(queries, dtype=matrix.dtype, device=matrix.device)
        matrix = torch.where(of_heads(change.to_self, change.heads, matrix.device), itself, matrix)
    blocked = blocked_mask(change, (batch, heads, queries, keys), matrix)
    if blocked is not None:
        left = matrix.masked_fill(blocked, 0)
        total = left.sum(-1, keepdim=True)
        if bool(((total <= TINY) & blocked.any(-1, keepdim=True)).any()):
            note(NOTHING_LEFT)
        touched = blocked.any(-1, keepdim=True)
        renormalised = torch.where(total > TINY, left / total.clamp(min=TINY), 0.0)
        matrix = torch.where(touched, renormalised, matrix)
    return matrix


def _back(like: Tensor, arranged: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """From (batch, head, query, key) back to the factor's arrangement."""
    numbers = arranged(torch.arange(like.numel(), device=like.device).view(like.shape))
    order = torch.empty(like.numel(), dtype=torch.int64, device=like.device)
    order[numbers.flatten()] = torch.arange(like.numel(), device=like.device)
    return lambda tensor: tensor.flatten()[order].view(like.shape)
