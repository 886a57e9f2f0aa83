"""Edits: which change to make in a forward pass, and where. Records only; `models/editing` runs
them.

    off("s03", heads=[0, 2])                     heads whose output is zero
    block("s07", queries=["cls"], keys=[[5, 9]]) scores that become −∞
    theta("s00", [[1, 0, 0], [0, 1, 0]])         another transformation

An edit names a site by its id ("s03"), or the photo, or the network's positions. A token is given
by its number, "cls", or the [row, column] of its cell. `to_json` and `from_json` define the wire
format, from which the id of an edited analysis is derived.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from fovea.models.closest import did_you_mean

Token = int | str | tuple[int, int]
"""A token by its number, "cls", or the (row, column) of its cell; "all" for all of them."""

Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]


class RefusedEdit(ValueError):
    """An edit that is invalid for this network or site. `hint` says what would be valid."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Edit:
    """One change; fields that do not apply are None.

    edit: a name in EDITS. site: id of a site. heads, queries, keys, channels, cells: None for all;
    cells are (row, column) of the site's grid.
    """

    edit: str
    site: str | None = None
    heads: tuple[int, ...] | None = None
    queries: tuple[Token, ...] | None = None
    keys: tuple[Token, ...] | None = None
    channels: tuple[int, ...] | None = None
    cells: tuple[tuple[int, int], ...] | None = None
    tokens: tuple[Token, ...] | None = None
    value: float | None = None
    temperature: float | None = None
    theta: Matrix | None = None
    fill: str | None = None
    seed: int | None = None
    text: str | None = None


On = Literal["attention", "gate", "warp", "photo", "positions", "words"]


@dataclass(frozen=True, slots=True)
class Rule:
    """The fields of an edit. on: what it applies to; needs, takes: required and optional fields;
    says: its effect in one sentence.
    """

    on: tuple[On, ...]
    says: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


EDITS: dict[str, Rule] = {
    "off": Rule(
        ("attention",), "The heads' output is zero before the heads are joined.", takes=("heads",)
    ),
    "mean": Rule(
        ("attention", "gate"),
        "The heads' output, or the factor, is its mean over this photo.",
        takes=("heads", "channels", "cells"),
    ),
    "uniform": Rule(
        ("attention",),
        "Every query looks equally at all the keys that it may look at.",
        takes=("heads",),
    ),
    "self": Rule(("attention",), "Every token looks at itself alone.", takes=("heads",)),
    "block": Rule(
        ("attention",),
        "These queries may not look at these keys; the rest of the row renormalises "
        "(attention knockout, Geva et al. 2023).",
        needs=("keys",),
        takes=("queries", "heads"),
    ),
    "temperature": Rule(
        ("attention",),
        "Scores are divided by this before the softmax.",
        needs=("temperature",),
        takes=("heads",),
    ),
    "skip": Rule(("attention",), "What the attention adds to the residual stream is zero."),
    "drop": Rule(
        ("attention",),
        "No query may look at these tokens, from this layer on.",
        needs=("tokens",),
    ),
    "set": Rule(
        ("gate",), "The factor is this number.", needs=("value",), takes=("channels", "cells")
    ),
    "open": Rule(
        ("gate",), "The factor is 1: as if there were no gate.", takes=("channels", "cells")
    ),
    "shut": Rule(("gate",), "The factor is 0.", takes=("channels", "cells")),
    "theta": Rule(("warp",), "θ is replaced before the grid is made.", needs=("theta",)),
    "identity": Rule(("warp",), "θ is the identity: the input is read as it lies."),
    "hide": Rule(
        ("photo",),
        "The pixels of these cells are replaced before the photo is prepared.",
        needs=("cells",),
        takes=("fill", "seed"),
    ),
    "positions-off": Rule(("positions",), "The vectors that tell tokens their place are zero."),
    "positions-shuffle": Rule(
        ("positions",),
        "The vectors that tell patches their place are permuted among the patches.",
        takes=("seed",),
    ),
    "words": Rule(
        ("words",),
        "The network reads these words in place of its own (teacher forcing).",
        needs=("text",),
    ),
}
"""Every edit there is."""

WITHOUT_SITE = frozenset(
    name for name, rule in EDITS.items() if rule.on in (("positions",), ("words",))
)


# --- what a person writes -----------------------------------------------------------------------


def off(site: str, heads: Iterable[int] | None = None) -> Edit:
    """The heads' output A·V becomes zero before the heads are joined, like zero columns of W_O."""
    return from_json({"edit": "off", "site": site, "heads": heads})


def mean(site: str, **what: Any) -> Edit:
    """heads: output replaced by its mean over the tokens; channels, cells: by the gate's mean
    factor.
    """
    return from_json({"edit": "mean", "site": site, **what})


def uniform(site: str, heads: Iterable[int] | None = None) -> Edit:
    """A becomes uniform over the keys that a query may attend to."""
    return from_json({"edit": "uniform", "site": site, "heads": heads})


def to_self(site: str, heads: Iterable[int] | None = None) -> Edit:
    """A becomes the identity, if queries and keys are the same tokens."""
    return from_json({"edit": "self", "site": site, "heads": heads})


def block(
    site: str,
    keys: Iterable[Any],
    queries: Iterable[Any] | None = None,
    heads: Iterable[int] | None = None,
) -> Edit:
    """Scores of these queries with these keys become −∞ before the softmax (Geva et al. 2023)."""
    return from_json(
        {"edit": "block", "site": site, "keys": keys, "queries": queries, "heads": heads}
    )


def temperature(site: str, value: float, heads: Iterable[int] | None = None) -> Edit:
    """Scores are divided by `value` before the softmax."""
    return from_json({"edit": "temperature", "site": site, "temperature": value, "heads": heads})


def skip(site: str) -> Edit:
    """This attention's addition to the residual stream becomes zero."""
    return from_json({"edit": "skip", "site": site})


def drop(site: str, tokens: Iterable[Any]) -> Edit:
    """No query may attend to these tokens in this layer and all later ones."""
    return from_json({"edit": "drop", "site": site, "tokens": tokens})


def set_gate(site: str, value: float, **what: Any) -> Edit:
    """The factor of these channels or cells becomes `value`."""
    return from_json({"edit": "set", "site": site, "value": value, **what})


def open_gate(site: str, **what: Any) -> Edit:
    """The factor of these channels or cells becomes 1."""
    return from_json({"edit": "open", "site": site, **what})


def shut(site: str, **what: Any) -> Edit:
    """The factor of these channels or cells becomes 0."""
    return from_json({"edit": "shut", "site": site, **what})


def theta(site: str, matrix: Sequence[Sequence[float]]) -> Edit:
    """θ, (2, 3), is replaced before the grid is made (Jaderberg et al. 2015, eq. 1)."""
    return from_json({"edit": "theta", "site": site, "theta": matrix})


def identity(site: str) -> Edit:
    """θ becomes the identity."""
    return from_json({"edit": "identity", "site": site})


def hide(site: str, cells: Iterable[Sequence[int]], fill: str = "mean", seed: int = 0) -> Edit:
    """The photo's pixels under these cells of the site's grid are replaced."""
    return from_json({"edit": "hide", "site": site, "cells": cells, "fill": fill, "seed": seed})


def positions_off() -> Edit:
    """The positional encodings become zero."""
    return from_json({"edit": "positions-off"})


def positions_shuffle(seed: int = 0) -> Edit:
    """The positional encodings of the patches are permuted among them."""
    return from_json({"edit": "positions-shuffle", "seed": seed})


def given_words(text: str) -> Edit:
    """The network that writes reads these words, one after another, in place of its own."""
    return from_json({"edit": "words", "text": text})


# --- the wire -----------------------------------------------------------------------------------


def from_json(given: Mapping[str, Any]) -> Edit:
    """Parses a JSON object; raises RefusedEdit for unknown or missing fields. None counts as
    absent.
    """
    said = {name: value for name, value in given.items() if value is not None}
    name = said.pop("edit", None)
    if said.pop("on", None) == "positions":
        name = f"positions-{name}"
    rule = EDITS.get(name) if isinstance(name, str) else None
    if rule is None or not isinstance(name, str):
        meant = did_you_mean(str(name), EDITS)
        raise RefusedEdit(
            f"There is no edit {str(name)[:50]!r}.{meant}", f"Valid: {_listed(EDITS)}."
        )
    allowed = {*rule.needs, *rule.takes} | (set() if name in WITHOUT_SITE else {"site"})
    strange = sorted(said.keys() - allowed)
    if strange:
        raise RefusedEdit(
            f"{name!r} does not take {_listed(strange)}.", f"It takes {_listed(sorted(allowed))}."
        )
    missing = [need for need in rule.needs if need not in said]
    if "site" in allowed and "site" not in said:
        missing.append("site")
    if missing:
        raise RefusedEdit(f"{name!r} needs {_listed(missing)}.", rule.says)
    return Edit(name, **{field: _READ[field](field, value) for field, value in said.items()})


def to_json(edit: Edit) -> dict[str, Any]:
    """The JSON object of an edit, without unused fields."""
    values = ((field.name, getattr(edit, field.name)) for field in fields(edit))
    return {name: _plain(value) for name, value in values if value is not None}


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _bad(field: str, wanted: str) -> RefusedEdit:
    return RefusedEdit(f"{field} is {wanted}.", "docs/what-if.md has an example of every edit.")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _bad(field, "a finite number")
    return float(value)


def _positive(field: str, value: Any) -> float:
    if _number(field, value) <= 0:
        raise _bad(field, "a number above 0")
    return float(value)


def _several(field: str, value: Any, read: Callable[[Any], Any], wanted: str) -> tuple[Any, ...]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise _bad(field, wanted)
    found = tuple(dict.fromkeys(read(one) for one in value))
    if not found:
        raise _bad(field, f"{wanted}, at least one")
    return found


def _indices(field: str, value: Any) -> tuple[int, ...]:
    wanted = "a list of whole numbers from 0 on"

    def read(one: Any) -> int:
        if not _whole(one) or one < 0:
            raise _bad(field, wanted)
        return int(one)

    return _several(field, value, read, wanted)


def _cell(field: str, one: Any) -> tuple[int, int]:
    pair = isinstance(one, Sequence) and not isinstance(one, str) and len(one) == 2
    if not pair or not all(_whole(part) and part >= 0 for part in one):
        raise _bad(field, "a list of cells, each [row, column]")
    return int(one[0]), int(one[1])


def _cells(field: str, value: Any) -> tuple[tuple[int, int], ...]:
    return _several(field, value, lambda one: _cell(field, one), "a list of [row, column]")


def _tokens(field: str, value: Any) -> tuple[Token, ...]:
    wanted = 'a list of tokens, each "cls", "all", its number, or [row, column]'
    if value == "all":
        return ("all",)

    def read(one: Any) -> Token:
        if one in ("cls", "all") or (_whole(one) and one >= 0):
            return one  # type: ignore[no-any-return]
        if isinstance(one, str) or not isinstance(one, Sequence):
            raise _bad(field, wanted)
        return _cell(field, one)

    return _several(field, value, read, wanted)


def _matrix(field: str, value: Any) -> Matrix:
    try:
        rows = [[_number(field, one) for one in row] for row in value]
    except TypeError as error:
        raise _bad(field, "two rows of three numbers") from error
    if [len(row) for row in rows] != [3, 3]:
        raise _bad(field, "two rows of three numbers")
    return (rows[0][0], rows[0][1], rows[0][2]), (rows[1][0], rows[1][1], rows[1][2])


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _bad(field, "a word")
    return value[:200]


def _seed(field: str, value: Any) -> int:
    if not _whole(value) or not 0 <= value < 2**31:
        raise _bad(field, "a whole number from 0 to 2147483647")
    return int(value)


_READ: dict[str, Callable[[str, Any], Any]] = {
    "site": _text,
    "heads": _indices,
    "queries": _tokens,
    "keys": _tokens,
    "channels": _indices,
    "cells": _cells,
    "tokens": _tokens,
    "value": _number,
    "temperature": _positive,
    "theta": _matrix,
    "fill": _text,
    "text": _text,
    "seed": _seed,
}
