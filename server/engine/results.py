"""Results of sweeps and measurements, kept as long as their analyses.

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
"""Maximum number of results; most are a few kilobytes."""


def result_id(kind: str, asked: Mapping[str, Any]) -> str:
    """The id of a result: equal requests about the same analysis share it."""
    said = json.dumps(asked, sort_keys=True)
    return hashlib.blake2b(f"{kind}\0{said}".encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Form:
    """How a result is written to a file: (serial, result) → bytes, and back; reading raises
    ValueError for foreign bytes.
    """

    write: Callable[[str, Any], bytes]
    read: Callable[[bytes], tuple[str, Any]]


class Results:
    """The newest results of the stored analyses, by address.

    archive, form: the persistent store and its file format, or None.
    """

    def __init__(
        self, store: Store, archive: Archive | None = None, form: Form | None = None
    ) -> None:
        self._store, self._archive, self.form = store, archive, form
        self._kept: OrderedDict[str, tuple[str, str, Any]] = OrderedDict()

    async def put(self, path: str, analysis: Analysis, found: Any) -> None:
        """Stores a result of an analysis."""
        if self._archive is not None and self.form is not None:
            data = await pools.run(pools.ANSWERS, self.form.write, analysis.serial, found)
            await self._archive.keep_result(analysis.id, path, data)
        self._put(path, analysis, found)

    async def find(self, path: str, analysis: Analysis) -> Any | None:
        """The result, or None if it is not stored."""
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
        """The result; raises UnknownResult if it is not stored."""
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
