"""What sweeps and measurements found, as long as the analyses that they are of are kept.

Used from the event loop only, so there are no locks.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fovea.server.engine import pools
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.store import Store
from fovea.server.problems import UnknownResult
from fovea.server.storage.archive import Archive

KEPT = 256
"""Results in all; most are a few kilobytes."""


def result_id(kind: str, asked: Mapping[str, Any]) -> str:
    """The same question about the same analysis has the same address."""
    said = json.dumps(asked, sort_keys=True)
    return hashlib.blake2b(f"{kind}\0{said}".encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Form:
    """How what was found is written as a file: (serial, found) → bytes, and back; reading raises
    ValueError for what it did not write.
    """

    write: Callable[[str, Any], bytes]
    read: Callable[[bytes], tuple[str, Any]]


class Results:
    """The newest results of analyses in a store, by the paths at which they answer.

    archive, form: where they outlive the process, and how; None where they do not.
    """

    def __init__(
        self, store: Store, archive: Archive | None = None, form: Form | None = None
    ) -> None:
        self._store, self._archive, self.form = store, archive, form
        self._kept: OrderedDict[str, tuple[str, str, Any]] = OrderedDict()

    async def put(self, path: str, analysis: Analysis, found: Any) -> None:
        """Keep what was found of an analysis."""
        if self._archive is not None and self.form is not None:
            data = await pools.run(pools.ANSWERS, self.form.write, analysis.serial, found)
            await self._archive.keep_result(analysis.id, path, data)
        self._put(path, analysis, found)

    async def find(self, path: str, analysis: Analysis) -> Any | None:
        """What was found, None where that is not kept."""
        _, serial, found = self._kept.get(path, ("", "", None))
        if found is not None and serial == analysis.serial:
            return found
        if self._archive is None or self.form is None:
            return None
        data = await self._archive.result(analysis.id, path)
        try:
            serial, found = self.form.read(data) if data is not None else ("", None)
        except ValueError:
            return None
        if found is None or serial != analysis.serial:
            return None
        self._put(path, analysis, found)
        return found

    async def get(self, path: str, analysis: Analysis) -> Any:
        """What was found; raises UnknownResult where that is not kept."""
        if (found := await self.find(path, analysis)) is None:
            raise UnknownResult("There is no such result of this analysis, or not yet.")
        return found

    def _put(self, path: str, analysis: Analysis, found: Any) -> None:
        self._kept[path] = analysis.id, analysis.serial, found
        self._kept.move_to_end(path)
        for other, (of, known, _) in tuple(self._kept.items()):
            if self._store.serial(of) != known:
                del self._kept[other]
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
