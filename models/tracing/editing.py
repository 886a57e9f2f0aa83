"""What the running pass is to change: the plan of this thread, looked up where a site is found."""

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
"""(path of the module, kind, how many sites of that kind the module has had in this pass).

It finds a site again in a pass of a block alone, where the numbers of all sites are others.
"""


@dataclass(eq=False)
class Plan:
    """Edits that were checked against a network, ready to be made.

    root: the network · paths: the path of each of its modules, by their identity · changes: what
    happens at a site; what it is only the kind's own `edit.py` knows · notes: what the edited pass
    has to say, filled while it runs · watching: how many recordings that could make the changes
    are entered · prepare: fills the changes in; None once it has · enter: what makes the changes
    that no recording makes, for a pass after the first ones.
    """

    root: nn.Module
    paths: dict[int, str]
    changes: Mapping[Key, Any]
    notes: list[str] = field(default_factory=list)
    watching: int = 0
    prepare: Callable[[], None] | None = None
    enter: Callable[[], AbstractContextManager[None]] = nullcontext

    def ready(self) -> None:
        """Fills the changes in, where that has to wait for the network's first call."""
        if self.prepare is not None:
            self.prepare()

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
    """Counts what happens in one pass of a network, from zero again in the next."""

    def __init__(self, root: nn.Module) -> None:
        self._root = root
        self._pass: object = None
        self._seen: Counter[object] = Counter()

    def next(self, what: object) -> int:
        """How often this has happened before in this pass."""
        call = call_of(self._root)
        # The same object for all that happens in one call.
        if call is not None and call.kwargs is not self._pass:
            self._pass = call.kwargs
            self._seen.clear()
        number = self._seen[what]
        self._seen[what] += 1
        return number


class Lookup:
    """What changes at each site of a pass."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._counting = Counting(plan.root)

    def next(self, kind: str) -> Any:
        """The change at the site of this kind that was just recognised, or None; call it once."""
        self.plan.ready()
        path = calling_module(self.plan.paths)
        number = self._counting.next((path, kind))
        return self.plan.changes.get((path, kind, number))
