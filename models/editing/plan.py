"""Validates edits against the sites of a network and plans where each change happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from fovea.models.edits import EDITS, Edit, RefusedEdit, Token
from fovea.models.grids import Cells
from fovea.models.kinds.attention import planning as attention
from fovea.models.kinds.attention.edit import Where
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.places.layout import Layouts
from fovea.models.records import Site, Trace, UnknownSite
from fovea.models.tracing.editing import Key


@dataclass(frozen=True, slots=True)
class Checked:
    """Validated edits, grouped by how they are applied.

    changes: at sites · skipped: sites whose addition to the residual stream becomes zero ·
    positions: edits of positional encodings · hidden: edits of the photo, applied before
    preprocessing.
    """

    changes: Mapping[Key, Any]
    skipped: tuple[Site, ...]
    positions: tuple[Edit, ...]
    hidden: tuple[Edit, ...]


def keys_of(trace: Trace) -> dict[str, Key]:
    """The key by which each site, given by id, is recognised during a pass."""
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[str, Key] = {}
    for site in trace.sites:
        found[site.id] = (site.name, site.kind, seen[site.name, site.kind])
        seen[site.name, site.kind] += 1
    return found


def checked(edits: Sequence[Edit], trace: Trace, layouts: Layouts | None = None) -> Checked:
    """The edits, grouped; raises RefusedEdit for the first one that is invalid for these sites.

    trace: of any one photo of the same size, with places. layouts: of the same network, if heads or
    windows are ordered differently in the network than in the trace.
    """
    by_site: dict[str, list[Edit]] = defaultdict(list)
    skipped: list[Site] = []
    for edit in edits:
        if edit.site is None:
            continue
        site = _site(edit, trace)
        if edit.edit == "skip":
            skipped.append(site)
        elif edit.edit == "drop":
            for later, dropping in _from_here_on(edit, site, trace):
                by_site[later.id].append(dropping)
        elif "photo" not in EDITS[edit.edit].on:
            by_site[site.id].append(edit)
    keys = keys_of(trace)
    changes: dict[Key, Any] = {}
    for number, site in enumerate(trace.sites):
        if mine := by_site.get(site.id):
            changes[keys[site.id]] = _change(mine, site, _arrange(layouts, number))
    return Checked(
        changes,
        tuple(skipped),
        tuple(edit for edit in edits if "positions" in EDITS[edit.edit].on),
        tuple(edit for edit in edits if "photo" in EDITS[edit.edit].on),
    )


def _site(edit: Edit, trace: Trace) -> Site:
    assert edit.site is not None
    try:
        site = trace.site(edit.site)
    except UnknownSite as error:
        known = ", ".join(error.known) or "none"
        raise RefusedEdit(f"There is no site {edit.site[:50]!r}.", f"Valid: {known}.") from error
    rule, on = EDITS[edit.edit], SITE_KINDS[site.kind].edited_as
    if on not in rule.on and "photo" not in rule.on:
        fitting = ", ".join(name for name, one in EDITS.items() if on in one.on) or "none yet"
        raise RefusedEdit(
            f"{edit.edit!r} does not fit site {site.id}, which is of the kind {site.kind}.",
            f"These fit: {fitting}.",
        )
    if "photo" in rule.on:
        _check_cells(edit, site)
    return site


def _check_cells(edit: Edit, site: Site) -> None:
    grid = site.grid
    if grid is None:
        raise RefusedEdit(f"Site {site.id} has no grid on the photo.", "Name a site that has one.")
    for row, column in edit.cells or ():
        if row >= grid.rows or column >= grid.columns:
            raise RefusedEdit(
                f"Site {site.id} has no row {row}, column {column}.",
                f"Its grid has {grid.rows} rows and {grid.columns} columns.",
            )


def _from_here_on(edit: Edit, site: Site, trace: Trace) -> list[tuple[Site, Edit]]:
    """This attention and all later ones that look at the same tokens, each with what is dropped.

    The tokens are the same where they lie in the same cells, whoever looks at them and however they
    are put into windows; where places are not known, where there are as many.
    """
    where = attention.tokens_of(edit.tokens, site, "keys")
    own = _keys(site)
    found = [(site, edit)]
    for later in trace.sites[trace.sites.index(site) + 1 :]:
        if later.kind != site.kind:
            continue
        theirs = _keys(later)
        if own is None or theirs is None:
            if own is theirs and _alike(site, later):
                found.append((later, edit))
        elif theirs.cells.equal(own.cells) and theirs.grid == own.grid:
            found.append((later, edit))
        elif (
            theirs.grid == own.grid
            and own.grid.depth == 1
            and (tokens := _by_cell(where, own, theirs)) != ()
        ):
            found.append((later, replace(edit, tokens=tokens)))
    return found


def _keys(site: Site) -> Cells | None:
    return None if site.layout is None else site.layout.keys


def _alike(site: Site, later: Site) -> bool:
    words = [None if one.layout is None else one.layout.key_words for one in (site, later)]
    return (
        later.keys == site.keys
        and (later.grid, later.prefix_tokens) == (site.grid, site.prefix_tokens)
        and words[0] == words[1]
    )


def _by_cell(where: Sequence[Where] | None, own: Cells, theirs: Cells) -> tuple[Token, ...] | None:
    """The cells of some tokens, as far as others stand for them too; None for all."""
    if where is None:
        return None
    windows = own.cells if own.cells.ndim == 2 else own.cells[None]
    named = {
        int(cell)
        for window, token in where
        for cell in (windows[:, token] if window is None else windows[window, token].view(1))
    }
    there = named & set(theirs.cells.flatten().tolist()) - {-1}
    return tuple(divmod(cell, own.grid.columns) for cell in sorted(there))


def _change(edits: Sequence[Edit], site: Site, arrange: Callable[[Tensor], Tensor] | None) -> Any:
    planned = SITE_KINDS[site.kind].planned
    assert planned is not None
    return planned(edits, site, arrange)


def _arrange(layouts: Layouts | None, number: int) -> Callable[[Tensor], Tensor] | None:
    known = layouts[number] if layouts and number < len(layouts) else None
    return None if known is None or known.arrangement is None else known.arrangement.of
