"""Edits of the running pass: this thread's plan, looked up at each site."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from fovea.models.tracing.call_stack import call_of, calling_module

Key = tuple[str, str, int]
"""(module path, kind, index of the site of that kind within the module and pass).

It identifies a site even when a block runs alone, where global indices differ.
"""


@dataclass(eq=False)
class Plan:
    """Edits validated against a network, ready to be applied.

    root: the network · paths: of its modules, by id · changes: what happens at each site, in a
    format known to the kind's own `edit.py` · notes: remarks on the edited pass, filled while it
    runs · watching: number of active recordings that could apply the changes · prepare: fills in
    the changes; None once it has · enter: applies changes outside of recordings, in later passes
    · made: how many changes were.
    """

    root: nn.Module
    paths: dict[int, str]
    changes: Mapping[Key, Any]
    notes: list[str] = field(default_factory=list)
    watching: int = 0
    prepare: Callable[[], None] | None = None
    enter: Callable[[], AbstractContextManager[None]] = nullcontext
    made: int = 0

    def ready(self) -> None:
        """Fills in the changes if that had to wait for the network's first call."""
        if self.prepare is not None:
            self.prepare()

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


_thread = threading.local()


def active() -> Plan | None:
    """This thread's plan, if any."""
    return getattr(_thread, "plan", None)


@contextmanager
def activated(plan: Plan | None) -> Iterator[None]:
    """Recordings that begin inside the `with`, on this thread, apply the plan's changes."""
    before = active()
    _thread.plan = plan
    try:
        yield
    finally:
        _thread.plan = before


@contextmanager
def again(plan: Plan | None) -> Iterator[None]:
    """During the `with` passes are edited as they were when this plan was active, or not at all."""
    if active() is plan:
        yield
    elif plan is None:
        with activated(None):
            yield
    else:
        with activated(plan), plan.enter():
            yield


class Counting:
    """Counts events in one pass of a network, restarting with the next."""

    def __init__(self, root: nn.Module) -> None:
        self._root = root
        self._pass: object = None
        self._seen: Counter[object] = Counter()

    def next(self, what: object) -> int:
        """The number of earlier occurrences in this pass."""
        call = call_of(self._root)
        # The same object for everything that happens in one call.
        if call is not None and call.kwargs is not self._pass:
            self._pass = call.kwargs
            self._seen.clear()
        number = self._seen[what]
        self._seen[what] += 1
        return number


class Lookup:
    """The change at each site of a pass."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._counting = Counting(plan.root)

    def next(self, kind: str) -> Any:
        """The change at the site of this kind that was just recognised, or None; call it once per
        site.
        """
        self.plan.ready()
        path = calling_module(self.plan.paths)
        number = self._counting.next((path, kind))
        change = self.plan.changes.get((path, kind, number))
        if change is not None:
            self.plan.made += 1
        return change
