"""Removes prefixes that wrappers add to the tensor names of a network.

Lightning adds `model.`, DataParallel `module.`, torch.compile `_orig_mod.`, DINO `student.` and
`backbone.`; comparison with the network's own names shows which prefix is too many, whatever it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that no network uses itself."""


def without_wrappers(name: str) -> str:
    """The name without well-known wrapper prefixes."""
    while (start := next((w for w in WRAPPERS if name.startswith(w)), None)) is not None:
        name = name.removeprefix(start)
    return name


def renaming(given: Collection[str], own: Collection[str]) -> dict[str, str]:
    """Given name → network's name, for the one prefix (superfluous or missing) that makes most of
    them match. Names without a match stay unchanged.

    given: of the file; own: of the network.
    """
    wanted = set(own)
    surplus = Counter(start for name in given for start, rest in _splits(name) if rest in wanted)
    lacking = (
        Counter(start for name in wanted for start, rest in _splits(name) if rest in set(given))
        if not surplus
        else Counter[str]()
    )
    fitting = sum(name in wanted for name in given)
    prefix = _most(surplus)
    if surplus[prefix] > fitting:
        return {
            name: name.removeprefix(prefix) if name.removeprefix(prefix) in wanted else name
            for name in given
        }
    prefix = _most(lacking)
    if lacking[prefix] > fitting:
        return {name: prefix + name if prefix + name in wanted else name for name in given}
    return {name: name for name in given}


def _splits(name: str) -> Iterable[tuple[str, str]]:
    """(prefix with its dot, rest) at each dot."""
    for at, letter in enumerate(name):
        if letter == ".":
            yield name[: at + 1], name[at + 1 :]


def _most(counted: Counter[str]) -> str:
    """The prefix that matches most names; among equals the shortest."""
    return min(counted, key=lambda prefix: (-counted[prefix], len(prefix)), default="")


def in_words(renamed: dict[str, str]) -> list[str]:
    """A line for each prefix that was removed or added, with the number of names."""
    changes: Counter[tuple[str, str]] = Counter()
    for old, new in renamed.items():
        if old != new:
            changes[_change(old, new)] += 1
    return [
        f"{old or '(nothing)'} → {new or '(nothing)'}: {count} names"
        for (old, new), count in changes.items()
    ]


def _change(old: str, new: str) -> tuple[str, str]:
    if old.endswith(new):
        return old.removesuffix(new), ""
    return ("", new.removesuffix(old)) if new.endswith(old) else (old, new)
