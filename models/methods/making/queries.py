"""Parses the query of an attention site: token, heads, window.

Everything is validated here, before computing; errors list the valid values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from fovea.models.geometry import token_of
from fovea.models.grids import Cells, PatchGrid
from fovea.models.kinds.attention import rows as attention_maps
from fovea.models.kinds.attention.windows import NoPlace, token_at, window_of
from fovea.models.methods.base import BadOption, Subject
from fovea.models.methods.making.choosing import place_of
from fovea.models.records import Attention, Site
from fovea.models.running.tasks import Sentence

Direction = Literal["from", "to"]
Labels = tuple[str, ...]

_PLACE = re.compile(r"(\d{1,9}),(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Query:
    """The selected tokens: one, or all (None), with a description."""

    token: int | None
    words: str


def windows(site: Site) -> int | None:
    """The number of separate windows; None if all tokens attend to each other."""
    count = site.attention.shape[0] if site.attends else 1
    return count if count > 1 else None


def window_index(site: Site, window: int | None) -> int:
    """The selected window; default: the central one."""
    count = windows(site) or 1
    index = count // 2 if window is None else window
    if not 0 <= index < count:
        raise BadOption(
            f"window={window} does not exist; site {site.id} has windows 0 to {count - 1}.",
            limit=count - 1,
            actual=window,
        )
    return index


def one_window(site: Site, window: int | None) -> Attention:
    """The attention of one window."""
    return window_of(site.attention, window_index(site, window))


def query_grid(site: Site) -> PatchGrid | None:
    """The queries' grid, including queries in windows or with coarser keys."""
    if site.grid is not None:
        return site.grid
    known = None if site.layout is None else site.layout.queries
    return None if known is None else known.grid


def key_grid(site: Site) -> PatchGrid | None:
    """The keys' grid."""
    if site.grid is not None:
        return site.grid
    known = None if site.layout is None else site.layout.keys
    return None if known is None else known.grid


def cells_of(site: Site, side: Literal["queries", "keys"]) -> Cells | None:
    """The cells of the queries or keys, if the tokens attend as one window."""
    if site.grid is not None or site.layout is None:
        return None
    cells = site.layout.queries if side == "queries" else site.layout.keys
    return cells if cells is not None and cells.cells.shape[0] == 1 else None


def word_labels(site: Site, sentence: Sentence | None) -> tuple[Labels | None, Labels | None]:
    """(queries, keys): the words that the site's tokens are, if they are words."""
    if sentence is None or site.layout is None:
        return None, None
    queries, keys = site.layout.query_words, site.layout.key_words
    return queries and sentence.labels(queries), keys and sentence.labels(keys)


def placed_query(site: Site, query: str | None, direction: Direction) -> tuple[int, int] | None:
    """The selected cell if tokens are in windows or on two grids; else None.

    Default: the one nearest to the centre. Raises BadOption outside the grid, and if no token
    stands for the cell.
    """
    if site.grid is not None or site.layout is None:
        return None
    asked, answered = site.layout.queries, site.layout.keys
    if direction == "to":
        asked, answered = answered, asked
    if asked is None or answered is None:
        return None
    if query is not None and not _PLACE.fullmatch(query.strip()):
        return None
    if query is None:
        return middle_of(asked)
    row, column = parse_place(query, asked.grid)
    try:
        token_at(asked, row, column)
    except NoPlace as error:
        raise BadOption(f"query={row},{column}: {error}.", hint="Ask for another place.") from error
    return row, column


def middle_of(cells: Cells) -> tuple[int, int] | None:
    """The cell nearest to the centre that has a token; None if no token has a place."""
    known = cells.cells[cells.cells >= 0].unique().tolist()
    rows, columns = cells.grid.rows, cells.grid.columns
    places = [divmod(int(cell), columns) for cell in known]
    middle = rows // 2, columns // 2
    return min(
        places,
        key=lambda place: (place[0] - middle[0]) ** 2 + (place[1] - middle[1]) ** 2,
        default=None,
    )


def parse_place(query: str | None, grid: PatchGrid) -> tuple[int, int]:
    """`row,col` on a grid; default: the central cell."""
    if query is None:
        return grid.rows // 2, grid.columns // 2
    match = _PLACE.fullmatch(query.strip())
    row, column = (int(match[1]), int(match[2])) if match else (grid.rows, 0)
    if row >= grid.rows or column >= grid.columns:
        raise BadOption(
            f"query={query[:50]!r} is no place: rows are 0 to {grid.rows - 1}, columns 0 to "
            f"{grid.columns - 1}.",
            hint="query=row,column",
        )
    return row, column


def parse_word(query: str, count: int) -> int:
    """The index of a word in a sentence of that length."""
    text = query.strip()
    if re.fullmatch(r"\d{1,9}", text) and int(text) < count:
        return int(text)
    raise BadOption(
        f"query={text[:50]!r} is no word: they are 0 to {count - 1}.",
        hint="query=number, or all",
        limit=count - 1,
    )


def default_query(site: Site, direction: Direction = "from") -> str:
    """The class token if there is one, else the central patch, else the first token."""
    cells = cells_of(site, _asked(direction))
    if site.prefix_tokens and site.grid is not None:
        return "cls"
    if cells is not None:
        place = middle_of(cells)
        return "0" if place is None else f"{place[0]},{place[1]}"
    tokens = site.queries if direction == "from" else site.keys
    placeless = site.prefix_tokens + site.suffix_tokens
    if site.grid is None or tokens != placeless + site.grid.cells:
        return "0"
    return f"{site.grid.rows // 2},{site.grid.columns // 2}"


def _asked(direction: Direction) -> Literal["queries", "keys"]:
    return "queries" if direction == "from" else "keys"


def parse_query(
    query: str | None,
    site: Site,
    tokens: int,
    direction: Direction = "from",
    sentence: Sentence | None = None,
) -> Query:
    """`cls`, `all`, `row,col` or the number of a token or word."""
    text = (query or default_query(site, direction)).strip().lower()
    if text == "all":
        return Query(None, "all tokens")
    if text == "cls":
        if site.prefix_tokens and site.grid is not None:
            return Query(0, "the class token")
        raise BadOption(f"query=cls: site {site.id} has no class token.", hint=_valid(site))
    if match := _PLACE.fullmatch(text):
        return _patch(int(match[1]), int(match[2]), site, tokens, direction)
    if re.fullmatch(r"\d{1,9}", text):
        if int(text) < tokens:
            return Query(int(text), _token_words(int(text), site, direction, sentence))
        raise BadOption(
            f"query={text} does not exist; site {site.id} has tokens 0 to {tokens - 1}.",
            limit=tokens - 1,
            actual=int(text),
        )
    raise BadOption(f"query={text[:50]!r} is not understood.", hint=_valid(site))


def _token_words(token: int, site: Site, direction: Direction, sentence: Sentence | None) -> str:
    """A token's name in a sentence."""
    labels = word_labels(site, sentence)[direction == "to"]
    if labels is None or site.layout is None:
        return f"token {token}"
    written = direction == "from" and site.layout.query_words == "written"
    return f"{'the writing of ' if written else ''}word {token}, “{labels[token]}”,"


def key_words(site: Site, window: int, key: int, sentence: Sentence | None) -> str:
    """A key's name in a sentence: a word, a patch, or a token without a place."""
    labels = word_labels(site, sentence)[1]
    if labels is not None:
        return f"word {key}, “{labels[key]}”,"
    grid, cell = key_grid(site), key - site.prefix_tokens
    if site.grid is None:
        known = None if site.layout is None else site.layout.keys
        cell = -1 if known is None else int(known.cells[window, key])
    if grid is not None and 0 <= cell < grid.cells:
        return f"the patch at row {cell // grid.columns}, column {cell % grid.columns}"
    return "the class token" if key == 0 and site.grid and site.prefix_tokens else f"token {key}"


def _patch(row: int, column: int, site: Site, tokens: int, direction: Direction) -> Query:
    words = f"the patch at row {row}, column {column}"
    if cells := cells_of(site, _asked(direction)):
        cell = row * cells.grid.columns + column
        found = (cells.cells[0] == cell).nonzero().flatten().tolist()
        if found and row < cells.grid.rows and column < cells.grid.columns:
            return Query(found[0], words)
        raise BadOption(
            f"query={row},{column} is outside: rows are 0 to {cells.grid.rows - 1}, "
            f"columns 0 to {cells.grid.columns - 1}."
        )
    placeless = site.prefix_tokens + site.suffix_tokens
    if site.grid is None or tokens != placeless + site.grid.cells:
        raise BadOption(
            f"query={row},{column}: the tokens of site {site.id} have no places.",
            hint=f"Ask for a token by its number, 0 to {tokens - 1}, or query=all.",
        )
    try:
        token = token_of(row, column, site.grid, site.prefix_tokens)
    except IndexError as error:
        raise BadOption(
            f"query={row},{column} is outside: rows are 0 to {site.grid.rows - 1}, "
            f"columns 0 to {site.grid.columns - 1}."
        ) from error
    return Query(token, words)


def _valid(site: Site) -> str:
    kinds = ["all", f"a token 0 to {(site.keys or 1) - 1}"]
    if site.grid:
        kinds.insert(0, f"row,col up to {site.grid.rows - 1},{site.grid.columns - 1}")
    if site.prefix_tokens and site.grid:
        kinds.insert(0, "cls")
    return f"Valid: {'; '.join(kinds)}."


def parse_head(head: str, heads: int) -> attention_maps.Fusion | int:
    """`mean`, `max`, `min`, `all` or the number of a head."""
    text = head.strip().lower()
    for fusion in attention_maps.FUSIONS:
        if text == fusion:
            return fusion
    if re.fullmatch(r"\d{1,9}", text) and int(text) < heads:
        return int(text)
    raise BadOption(
        f"head={text[:50]!r} does not exist; valid: {', '.join(attention_maps.FUSIONS)}, "
        f"0 to {heads - 1}.",
        limit=heads - 1,
    )


def head_words(fusion: attention_maps.Fusion | int) -> str:
    """The heads in a sentence."""
    if isinstance(fusion, int):
        return f"head {fusion}"
    return "each head" if fusion == "all" else f"{fusion} over heads"


def asked_word(subject: Subject, site: Site, word: str, direction: Direction) -> str:
    """The index of a word of an attention, as a query; raises BadOption if it has no words."""
    side = int(direction == "to")
    words = word_labels(site, subject.sentence)[side]
    if words is None:
        fitting = [
            one.id
            for one in subject.trace.sites
            if one.attends and word_labels(one, subject.sentence)[side]
        ]
        asked = "keys" if side else "queries"
        raise BadOption(
            f"The {asked} of site {site.id} of {subject.name} are no words; valid with word: "
            f"{', '.join(fitting) or 'no site of this network'}."
        )
    return str(place_of(word, words, f"site {site.id}"))
