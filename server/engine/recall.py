"""Looks analyses up by id: from memory, or recomputed from the archive.

Without an archive an analysis lives as long as its trace. Recomputing costs the same as a new
photo: a queue slot and memory from the work budget.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import replace
from time import monotonic

from fovea.models.edits import from_json
from fovea.server.engine import costs, pools
from fovea.server.engine.analysis import Analysis, analysis_id
from fovea.server.engine.engine import Engine
from fovea.server.engine.keeping import serial_of
from fovea.server.intake.given import Given
from fovea.server.intake.imaging import Photo
from fovea.server.intake.text import given_to
from fovea.server.problems import (
    AnalysisGone,
    Missing,
    StoreUnavailable,
    UnknownAnalysis,
    UnknownModel,
)
from fovea.server.storage.archive import Archive, photo_of
from fovea.server.storage.records import Record

log = logging.getLogger("fovea.recall")

BELIEVED_S = 5.0
"""How long an instance answers from memory before it checks whether another was told to
delete it.
"""
REMEMBERED = 10_000


class Recall:
    """Looks up, recomputes and deletes an engine's analyses; used from the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: OrderedDict[str, float] = OrderedDict()
        self.made_again = 0

    async def get(self, id: str) -> Analysis:
        """The analysis. Raises UnknownAnalysis if it never existed or was deleted, AnalysisGone if
        it cannot be recomputed, QueueFull if the server is busy.
        """
        store, archive = self._engine.store, self._engine.archive
        if archive is None:
            return store.get(id)
        if (kept := store.find(id)) is not None:
            if await self._still(archive, id):
                return kept
            store.forget(id)
            raise UnknownAnalysis(f"There is no analysis {id[:64]!r}.")

        async def again() -> Analysis:
            record = await archive.find(id)
            return store.get(id) if record is None else await self._again(archive, record)

        return await self._engine.underway.once(id, again)

    async def base(self, analysis: Analysis) -> Analysis:
        """The unedited analysis it is based on, or itself."""
        return analysis if analysis.of is None else await self.get(analysis.of)

    async def before(self, analysis: Analysis) -> Analysis | None:
        """The analysis that was edited, if still available; None if there are no edits."""
        if analysis.of is None:
            return None
        if self._engine.archive is None:
            return self._engine.store.find(analysis.of)
        try:
            return await self.get(analysis.of)
        except Missing:
            return None

    async def sign(self, id: str, maker: str) -> None:
        """Records that a client, known by its key, made it; several may have."""
        store, archive = self._engine.store, self._engine.archive
        if archive is not None and maker not in store.makers(id):
            await archive.sign(id, maker)
        store.made_by(id, maker)

    async def made(self, id: str, maker: str) -> bool:
        """Whether that client made it."""
        if maker in self._engine.store.makers(id):
            return True
        archive = self._engine.archive
        return bool(maker) and archive is not None and await archive.signed(id, maker)

    async def known(self, id: str) -> bool:
        """Whether it is stored, with or without its trace."""
        archive = self._engine.archive
        if self._engine.store.serial(id) is not None:
            return True
        return archive is not None and await archive.known(id)

    async def forget(self, id: str, maker: str | None = None) -> None:
        """Deletes the analysis, or for one maker only its claim while others remain; raises
        UnknownAnalysis or AnalysisGone if there is nothing to delete.
        """
        store, archive = self._engine.store, self._engine.archive
        if archive is None:
            store.forget(id, maker)
            return
        if not await archive.known(id):
            store.get(id)
        gone = await archive.forget(id, maker)
        if store.serial(id) is not None:
            store.forget(id, None if gone else maker)

    async def _still(self, archive: Archive, id: str) -> bool:
        """Whether no other instance is known to have deleted it."""
        now = monotonic()
        if now - self._seen.get(id, -BELIEVED_S) < BELIEVED_S:
            return True
        try:
            known = await archive.known(id)
        except StoreUnavailable:
            return True  # what is in memory needs no store
        if known:
            self._seen[id] = now
            self._seen.move_to_end(id)
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return known

    async def _again(self, archive: Archive, record: Record) -> Analysis:
        engine = self._engine
        with engine.admission() as place:
            data = None if record.photo is None else await archive.photo_file(record)
            cost = 0 if data is None else costs.decoding(data, engine.settings.max_pixels)
            async with engine.work.hold(cost) as share:
                try:
                    loaded = await engine.network(record.model, place)
                except UnknownModel as error:
                    raise AnalysisGone(f"Its network, {record.model}, is not here.") from error
                read: Photo | str | None = record.text
                if data is not None:
                    photo = await engine.in_thread(photo_of, record, data)
                    read = photo and (engine.store.photo(photo.digest) or photo)
                    share.keep(0 if photo is None else photo.pixels.nbytes)
                if read is None:
                    raise AnalysisGone("Its photo was dropped, for room or for its age.")
                given: Given = await engine.in_thread(given_to, loaded.spec, read)
                base_id = analysis_id(given, loaded, engine.settings.key, record.search)
                if base_id != record.base:
                    raise AnalysisGone(f"{record.model} has changed since: its weights are others.")
                base = engine.store.find(record.base) or await engine.seen(
                    record.base, given, loaded, record.search, {}
                )
                found = base
                if record.edits:
                    edits = tuple(from_json(edit) for edit in record.edits)
                    found = await engine.seen_edited(record.id, base, edits, loaded)
        serial = await pools.run(pools.ANSWERS, serial_of, found)
        found = replace(found, serial=serial, timings_ms=record.timings_ms)
        if serial != record.serial:
            log.info("analysis %s came out with other bits than the first time", record.id)
        self.made_again += 1
        engine.store.put(found)
        return found
