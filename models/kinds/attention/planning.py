"""Translates users' edits into changes at one attention; invalid ones are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from fovea.models.edits import Edit, RefusedEdit, Token
from fovea.models.grids import Cells
from fovea.models.kinds.attention.edit import Blocked, Change, Where
from fovea.models.kinds.attention.weighing import CHANGED
from fovea.models.records import Site

SCORES = frozenset(("block", "temperature", "drop"))
"""Edits of the scores: unavailable if the matrix was changed after its softmax."""

Side = Literal["queries", "keys"]


@dataclass(frozen=True, slots=True)
class _Target:
    """One site, with the words for its refusals."""

    site: Site

    @property
    def called(self) -> str:
        return f"site {self.site.id} ({self.site.name or 'the network itself'})"


def planned(
    edits: Sequence[Edit],
    site: Site,
    arrange: Callable[[Tensor], Tensor] | None = None,
) -> Change:
    """The changes at this site, in order; raises RefusedEdit.

    site: of one photo. arrange: converts heads and windows from the network's order to the trace's,
    if they differ.
    """
    windows, heads, _, _ = site.attention.shape
    change = Change(heads, windows=windows, arrange=arrange)
    for edit in edits:
        change = _ADD[edit.edit](change, edit, _Target(site))
    return change


def _heads(edit: Edit, asked: _Target) -> tuple[int, ...]:
    count = asked.site.attention.shape[1]
    if edit.heads is None:
        return tuple(range(count))
    beyond = [head for head in edit.heads if head >= count]
    if beyond:
        raise RefusedEdit(
            f"{asked.called} has no head {beyond[0]}.", f"Its heads are 0 to {count - 1}."
        )
    return edit.heads


def _has_scores(edit: Edit, asked: _Target) -> None:
    if edit.edit in SCORES and asked.site.note is not None and CHANGED in asked.site.note:
        raise RefusedEdit(
            f"{asked.called} changes its matrix after the softmax, so its scores cannot be edited.",
            "off, mean, uniform and self can.",
        )


def _off(change: Change, edit: Edit, asked: _Target) -> Change:
    return replace(change, off=(*change.off, *_heads(edit, asked)))


def _mean(change: Change, edit: Edit, asked: _Target) -> Change:
    for name in ("channels", "cells"):
        if getattr(edit, name) is not None:
            raise RefusedEdit(f"{asked.called} is attention; it has no {name}.", "Name heads.")
    return replace(change, mean=(*change.mean, *_heads(edit, asked)))


def _uniform(change: Change, edit: Edit, asked: _Target) -> Change:
    return replace(change, uniform=(*change.uniform, *_heads(edit, asked)))


def _self(change: Change, edit: Edit, asked: _Target) -> Change:
    site = asked.site
    if site.queries != site.keys or not _same_tokens(site):
        raise RefusedEdit(
            f"The queries of {asked.called} are not its keys, so none can look at itself.",
            "self needs self-attention.",
        )
    return replace(change, to_self=(*change.to_self, *_heads(edit, asked)))


def _same_tokens(site: Site) -> bool:
    layout = site.layout
    if layout is None:
        return True
    if (layout.queries is None) != (layout.keys is None):
        return False
    if layout.queries is not None and layout.keys is not None:
        return bool(layout.queries.cells.equal(layout.keys.cells))
    return layout.query_words == layout.key_words


def _temperature(change: Change, edit: Edit, asked: _Target) -> Change:
    _has_scores(edit, asked)
    assert edit.temperature is not None
    one = (edit.temperature, _heads(edit, asked))
    return replace(change, temperatures=(*change.temperatures, one))


def _block(change: Change, edit: Edit, asked: _Target) -> Change:
    _has_scores(edit, asked)
    blocked = Blocked(
        queries=tokens_of(edit.queries, asked.site, "queries"),
        keys=tokens_of(edit.keys, asked.site, "keys"),
        heads=_heads(edit, asked),
    )
    return replace(change, blocked=(*change.blocked, blocked))


def _drop(change: Change, edit: Edit, asked: _Target) -> Change:
    _has_scores(edit, asked)
    keys = tokens_of(edit.tokens, asked.site, "keys")
    heads = tuple(range(change.heads))
    return replace(change, blocked=(*change.blocked, Blocked(None, keys, heads)))


_ADD: dict[str, Callable[[Change, Edit, _Target], Change]] = {
    "off": _off,
    "mean": _mean,
    "uniform": _uniform,
    "self": _self,
    "temperature": _temperature,
    "block": _block,
    "drop": _drop,
}


# --- which tokens are meant ---------------------------------------------------------------------


def tokens_of(tokens: tuple[Token, ...] | None, site: Site, side: Side) -> tuple[Where, ...] | None:
    """(window, token) of the tokens that a user named; None for all. Raises RefusedEdit."""
    if tokens is None or "all" in tokens:
        return None
    return tuple(dict.fromkeys(where for token in tokens for where in _places(token, site, side)))


def _places(token: Token, site: Site, side: Side) -> Sequence[Where]:
    _, _, queries, keys = site.attention.shape
    count = queries if side == "queries" else keys
    if token == "cls":
        if not site.prefix_tokens:
            raise RefusedEdit(
                f"Site {site.id} has no class token.", "Name a patch, [row, column], or a number."
            )
        return [(None, 0)]
    if isinstance(token, int):
        if token >= count:
            raise RefusedEdit(
                f"Site {site.id} has no {side[:-1] if side == 'keys' else 'query'} {token}.",
                f"They are 0 to {count - 1}.",
            )
        return [(None, token)]
    assert not isinstance(token, str)
    return _of_cell(token, site, side)


def _of_cell(cell: tuple[int, int], site: Site, side: Side) -> Sequence[Where]:
    row, column = cell
    layout = site.layout
    cells: Cells | None = None if layout is None else getattr(layout, side)
    grid = site.grid if cells is None else cells.grid
    if grid is None:
        raise RefusedEdit(
            f"The {side} of site {site.id} have no places on the photo.", "Name them by number."
        )
    if not (row < grid.rows and column < grid.columns):
        raise RefusedEdit(
            f"Site {site.id} has no row {row}, column {column}.",
            f"Its {side} lie on {grid.rows} rows and {grid.columns} columns.",
        )
    if cells is None:
        return [(None, site.prefix_tokens + row * grid.columns + column)]
    found = (cells.cells == row * grid.columns + column).nonzero().tolist()
    if not found:
        raise RefusedEdit(
            f"No token of site {site.id} stands for row {row}, column {column}.",
            "Some networks drop tokens on their way.",
        )
    alone = cells.cells.shape[0] == 1
    return [(None if alone else window, token) for window, token in found]
