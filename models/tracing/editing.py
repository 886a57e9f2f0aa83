"""What the running pass is to change: the plan of this thread, looked up where a site is found."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fovea.models.tracing.call_stack import calling_module

Key = tuple[str, str, int]
"""(path of the module, kind, how many sites of that kind the module has had in this pass).

It finds a site again in a pass of a block alone, where the numbers of all sites are others.
"""


@dataclass(eq=False)
class Plan:
    """Edits that were checked against a network, ready to be made.

    paths: the path of each module of the network, by its identity. changes: what happens at a site;
    what it is only the kind's own `edit.py` knows. notes: what the edited pass has to say, filled
    while it runs. taken: whether a recording inside makes the changes.
    """

    paths: dict[int, str]
    changes: Mapping[Key, Any]
    notes: list[str] = field(default_factory=list)
    taken: bool = False

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


_thread = threading.local()


def active() -> Plan | None:
    """The plan of this thread, if it has one."""
    return getattr(_thread, "plan", None)


@contextmanager
def activated(plan: Plan | None) -> Iterator[None]:
    """Recordings that begin inside the `with`, on this thread, make the changes of the plan."""
    before = active()
    _thread.plan = plan
    try:
        yield
    finally:
        _thread.plan = before


class Lookup:
    """Counts the sites of one pass, and says what changes at each."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._seen: Counter[tuple[str, str]] = Counter()

    def next(self, kind: str) -> Any:
        """The change at the site of this kind that was just recognised, or None; call it once."""
        path = calling_module(self.plan.paths)
        number = self._seen[path, kind]
        self._seen[path, kind] += 1
        return self.plan.changes.get((path, kind, number))
