"""Reads an attention's token positions from the shadows of its inputs.

Before (query, key) an attention may have any axes: photos, windows, heads. Windows have different
cells, heads the same ones; that tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from fovea.models.grids import Cells, Layout, PatchGrid
from fovea.models.kinds.attention.kernels import is_operator
from fovea.models.kinds.attention.weighing import Weighing, weighing_of
from fovea.models.places.shadows import Lost, Shadow, constant, nowhere
from fovea.models.tracing.origins import Origins
from fovea.models.tracing.tensors import is_mapped, is_wrapped

Shadows = Callable[[object], Shadow]


@dataclass(frozen=True, slots=True)
class TokenPlaces:
    """Token positions of a site, before its axes are put in order.

    layout: its cells are (window, token). leading: sizes of all axes before (query, key), of which
    `heads` are heads and the others windows. why: in words, why some are unknown.
    """

    layout: Layout
    leading: tuple[int, ...]
    heads: tuple[int, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Tokens:
    """cells: (…, token), with their grid, or None. nowhere: known to have no position. of_features:
    the features have positions, so the tokens are channels. why: in words, why nothing is known.
    """

    cells: Tensor | None = None
    grid: PatchGrid | None = None
    nowhere: bool = False
    of_features: bool = False
    why: str = ""


def _tokens(shadow: Shadow, lead: Sequence[int | None], axis: int | None) -> _Tokens:
    """One cell per token along `axis`, after the axes `lead` (None for a missing one)."""
    if shadow is None or axis is None:
        return _Tokens(nowhere=True)
    if isinstance(shadow, Lost):
        return _Tokens(why=shadow.why)
    cells = shadow.cells
    present = [one for one in lead if one is not None]
    rest = [one for one in range(cells.ndim) if one not in present and one != axis % cells.ndim]
    cells = cells.permute(*present, axis, *rest)
    for feature in reversed(range(len(present) + 1, cells.ndim)):
        if not constant(cells, feature):
            channels = constant(cells, len(present))
            return _Tokens(nowhere=channels, of_features=channels)
        cells = cells.select(feature, 0)
    if nowhere(cells):
        return _Tokens(nowhere=True)
    for position, one in enumerate(lead):
        if one is None:
            cells = cells.unsqueeze(position)
    return _Tokens(cells, shadow.grid)


def _ambiguous(tokens: Tensor) -> bool:
    """Whether two tokens of one window have the same cell."""
    ordered = tokens.sort(-1).values
    return bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any())


def _in_windows(tokens: _Tokens, windows: Sequence[int], leading: Sequence[int]) -> Cells | None:
    """The cells as (window, token)."""
    if tokens.cells is None or tokens.grid is None:
        return None
    cells = tokens.cells.expand(*leading, tokens.cells.shape[-1])
    for axis in reversed(range(len(leading))):
        if axis not in windows:
            cells = cells.select(axis, 0)
    cells = cells.reshape(-1, cells.shape[-1])
    return None if _ambiguous(cells) else Cells(cells, tokens.grid)


def _shared(cells: Cells) -> bool:
    """Whether several windows have the same tokens."""
    return len(cells.cells) > 1 and constant(cells.cells, 0)


def _seen(
    leading: tuple[int, ...], queries: _Tokens, keys: _Tokens, *, over_channels: bool
) -> TokenPlaces:
    known = [tokens.cells for tokens in (queries, keys) if tokens.cells is not None]
    if known:
        windows = [
            axis
            for axis in range(len(leading))
            if any(not constant(cells, axis) for cells in known)
        ]
    else:  # the usual order: (photo, …, head, query, key)
        windows = list(range(len(leading) - 1))
    heads = tuple(axis for axis in range(len(leading)) if axis not in windows)
    if heads and heads[0] == 0 and leading[0] == 1:  # the photo
        heads, windows = heads[1:], [0, *windows]
    placed, read = (_in_windows(tokens, windows, leading) for tokens in (queries, keys))
    if placed is not None and read is not None and _shared(placed) and not _shared(read):
        placed = None  # the same queries everywhere: their window is ambiguous
    return TokenPlaces(
        Layout(
            placed,
            read,
            over_channels,
            queries_nowhere=queries.nowhere,
            keys_nowhere=keys.nowhere and not over_channels,
        ),
        leading,
        heads,
        keys.why or queries.why,
    )


_TRANSFORMED = Lost("a transform of torch.func (vmap, grad) hands them on as other tensors")


def _of(shadow: Shadows, tensor: Tensor) -> Shadow:
    """The shadow of a tensor; after a transform there is none, which means unknown."""
    known = shadow(tensor)
    lost = is_mapped(tensor) or (known is None and is_wrapped(tensor))
    return _TRANSFORMED if lost else known


def _of_fused(shadow: Shadows, query: Tensor, key: Tensor) -> TokenPlaces:
    leading = tuple(query.shape[:-2])
    lead = range(len(leading))
    # With fewer key heads than query heads, groups share them; one stands for all.
    shared = [None if key.shape[axis] != query.shape[axis] else axis for axis in lead]
    queries = _tokens(_of(shadow, query), lead, -2)
    keys = _tokens(_of(shadow, key), shared, -2)
    return _seen(leading, queries, keys, over_channels=keys.of_features)


def _of_weighing(shadow: Shadows, weighing: Weighing) -> TokenPlaces:
    lead, values_lead = weighing.lead, weighing.values_lead
    query = weighing.query[0] if weighing.query else None
    values = _of(shadow, weighing.values)
    if query is not None and weighing.spread and isinstance(values, Cells):
        # Individually weighted values may differ for each query: a window for each.
        own = not constant(values.cells, query)
        lead, values_lead = (
            (*lead, query)[: len(lead) + own],
            (*values_lead, query)[: len(lead) + own],
        )
        query = None if own else query
    leading = tuple(weighing.factor.shape[axis] for axis in lead)
    queries = _tokens(_of(shadow, weighing.factor), lead, query)
    keys = _tokens(values, values_lead, weighing.values_key[0])
    return _seen(leading, queries, keys, over_channels=keys.of_features)


def seen_at(
    shadow: Shadows,
    origins: Origins,
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    photo: tuple[int, int] = (0, 1),
) -> TokenPlaces | None:
    """The token positions of the attention that this call computed.

    photo: (index in the batch, batch size).
    """
    found = _seen_at(shadow, origins, func, args, kwargs)
    return found if found is None or photo[1] == 1 else _of_one(found, *photo)


def _of_one(seen: TokenPlaces, index: int, photos: int) -> TokenPlaces:
    """The windows of one photo of a batch, which are grouped by photo along the first axis."""
    share, rest = divmod(seen.leading[0], photos)
    if rest or not share:
        return seen  # shared by all photos
    leading = (share, *seen.leading[1:])
    heads = seen.heads
    if share == 1 and 0 in heads:
        heads = tuple(axis for axis in heads if axis != 0)

    def cut(cells: Cells | None) -> Cells | None:
        if cells is None or 0 in seen.heads or len(cells.cells) % photos:
            return cells
        each = len(cells.cells) // photos
        return Cells(cells.cells[index * each : (index + 1) * each], cells.grid)

    layout = replace(seen.layout, queries=cut(seen.layout.queries), keys=cut(seen.layout.keys))
    return replace(seen, layout=layout, leading=leading, heads=heads)


def _seen_at(
    shadow: Shadows,
    origins: Origins,
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> TokenPlaces | None:
    if func is F.scaled_dot_product_attention:
        query, key = (_argument(args, kwargs, i, name) for i, name in enumerate(("query", "key")))
        return _of_fused(shadow, query, key)
    if is_operator(func) and len(args) > 1 and all(_is_heads(argument) for argument in args[:2]):
        return _of_fused(shadow, args[0], args[1])
    weighing = weighing_of(origins, func, args, dict(kwargs))
    if weighing is None or len(weighing.query) > 1 or len(weighing.key) > 1:
        return None  # queries or keys on two axes are not supported
    return _of_weighing(shadow, weighing)


def _is_heads(value: object) -> bool:
    """Whether the tensor is a kernel's argument, (photo, head, token, head_dim)."""
    return isinstance(value, Tensor) and value.ndim == 4


def _argument(args: Sequence[Any], kwargs: Mapping[str, Any], index: int, name: str) -> Tensor:
    tensor: Tensor = args[index] if len(args) > index else kwargs[name]
    return tensor
