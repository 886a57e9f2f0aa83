"""What sweeps and measurements found, as long as the analyses that they are of are kept.

Used from the event loop only, so there are no locks.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from fovea.server.engine.store import Store
from fovea.server.problems import UnknownResult

KEPT = 256
"""Results in all; most are a few kilobytes."""


def result_id(kind: str, asked: Mapping[str, Any]) -> str:
    """The same question about the same analysis has the same address."""
    said = json.dumps(asked, sort_keys=True)
    return hashlib.blake2b(f"{kind}\0{said}".encode(), digest_size=8).hexdigest()


class Results:
    """The newest results of analyses in a store, by the paths at which they answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, tuple[str, str, Any]] = OrderedDict()

    def put(self, path: str, analysis: str, serial: str, found: Any) -> None:
        """Keep what was found of an analysis of this serial."""
        self._kept[path] = analysis, serial, found
        self._kept.move_to_end(path)
        for other, (of, known, _) in tuple(self._kept.items()):
            if not self._current(of, known):
                del self._kept[other]
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def find(self, path: str) -> Any | None:
        """What was found, None where that is not kept."""
        if path not in self._kept:
            return None
        analysis, serial, found = self._kept[path]
        return found if self._current(analysis, serial) else None

    def get(self, path: str) -> Any:
        """What was found; raises UnknownResult where that is not kept."""
        if (found := self.find(path)) is None:
            raise UnknownResult("There is no such result of this analysis, or not yet.")
        return found

    def _current(self, analysis: str, serial: str) -> bool:
        return self._store.serial(analysis) == serial
