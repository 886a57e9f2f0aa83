"""Many photos for one network as one job, with an entry for each photo in order of arrival.

Analysis starts while later photos are still being uploaded. A photo that fails becomes an entry
with a problem and does not affect the others; if the queue is full the next photos wait. If there
is an archive, photos still pending when the upload is answered are stored there, so that another
instance can continue the batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fovea.server.engine.budget import Budget, Share
from fovea.server.engine.engine import Engine
from fovea.server.engine.jobs import KEPT, Job
from fovea.server.engine.recall import Recall
from fovea.server.problems import (
    Internal,
    JobCancelled,
    JobInterrupted,
    Problem,
    QueueFull,
    UnknownJob,
)
from fovea.server.storage.told import problem_of_json, problem_to_json

log = logging.getLogger("fovea.batches")

AT_A_TIME = 4
"""Batches in progress; more are refused until one ends."""
BESIDE_EACH_OTHER = 4
"""Photos of one batch in the queue at a time: at least what two passes take."""
TURN_S = 0.1
"""Delay before a photo that found the queue full tries again."""


@dataclass(eq=False, slots=True)
class Entry:
    """A photo: its file name and its result; analysis and problem are None until it is done.

    photo: its bytes while pending; None if they are in the archive.
    """

    name: str
    analysis: str | None = None
    problem: Problem | None = None
    photo: bytes | None = None

    @property
    def ended(self) -> bool:
        return self.analysis is not None or self.problem is not None

    def to_json(self) -> dict[str, Any]:
        """As stored in the archive."""
        told = None if self.problem is None else problem_to_json(self.problem)
        return {"name": self.name, "analysis": self.analysis, "problem": told}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Entry:
        """The same."""
        problem = told["problem"] and problem_of_json(told["problem"])
        return cls(told["name"], told["analysis"], problem)


@dataclass(eq=False, slots=True)
class Batch:
    """A batch of photos. maker: key of the client, which may delete the results. share: memory held
    by photos being uploaded. done: photos that have an analysis or a problem.
    """

    job: Job
    maker: str
    share: Share
    slots: asyncio.Semaphore
    entries: list[Entry] = field(default_factory=list)
    complete: bool = False
    held: int = 0
    done: int = 0
    progress: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _fresh: set[str] = field(default_factory=set)

    def problem_of(self, entry: Entry) -> Problem | None:
        """Why there is no analysis; None if there is one or it is pending."""
        if not entry.ended and not self.job.active:
            if self.job.state == "failed":
                return self.job.problem
            return JobCancelled("The batch was cancelled before this photo's turn.")
        return entry.problem

    @classmethod
    def of_archive(cls, job: Job, entries: list[dict[str, Any]]) -> Batch:
        """A batch of another instance, as last stored."""
        found = [Entry.of_json(entry) for entry in entries]
        return cls(job, "", _nothing(), asyncio.Semaphore(1), found, complete=True)


class Batches:
    """The newest batches of a server; used from the event loop."""

    def __init__(self, engine: Engine, recall: Recall) -> None:
        self._engine, self._recall = engine, recall
        self._kept: OrderedDict[str, Batch] = OrderedDict()
        two_passes = 2 * engine.inference.max_batch
        most = max(1, engine.places.most_of_one // 2)
        self._beside = min(most, max(BESIDE_EACH_OTHER, two_passes))

    def find(self, id: str) -> Batch | None:
        """The batch of this job, if this server ran it."""
        return self._kept.get(id)

    def get(self, id: str) -> Batch:
        """The batch of this job; raises UnknownJob."""
        if id not in self._kept:
            raise UnknownJob(f"There is no batch {id[:50]!r}.")
        return self._kept[id]

    async def begin(self, model: str, maker: str, share: Share) -> Batch:
        """A new, empty batch. It releases its share of memory when it ends.

        Raises UnknownModel, and QueueFull if too many batches are in progress.
        """
        job = Job("batch", await self._engine.shelf.resolve(model), None)
        job.result = f"/v1/batches/{job.id}"
        batch = Batch(job, maker, share, asyncio.Semaphore(self._beside))
        self._accept(batch)
        return batch

    async def again(self, told: Mapping[str, Any]) -> Job:
        """Continues the batch of a dead instance from its last stored state: pending photos are
        read from the archive.

        Raises UnknownModel, and QueueFull if too many batches are in progress.
        """
        job = Job("batch", await self._engine.shelf.resolve(told["model"]), None)
        job.id, job.result, job.asked = told["id"], told["result"], told["asked"]
        entries = [Entry.of_json(one) for one in told["entries"]]
        slots = asyncio.Semaphore(self._beside)
        batch = Batch(job, told["asked"]["maker"], _nothing(), slots, entries, complete=True)
        batch.done = sum(entry.ended for entry in entries)
        self._accept(batch)
        for number, entry in enumerate(entries):
            if not entry.ended:
                self._begin(batch, number)
        self._tell(batch)
        return job

    def add(self, batch: Batch, name: str, photo: bytes | Problem) -> None:
        """Adds a photo, or the problem that it already has."""
        if isinstance(photo, Problem):
            batch.entries.append(Entry(name, problem=photo))
            batch.done += 1
            self._tell(batch)
            return
        batch.entries.append(Entry(name, photo=photo))
        batch.held += len(photo)
        self._begin(batch, len(batch.entries) - 1)

    async def room(self, batch: Batch, nbytes: int) -> None:
        """Waits until that many bytes of photos fit, or nothing more can be freed."""
        while batch.held and batch.held + nbytes > batch.share.nbytes and batch.job.active:
            batch.progress.clear()
            await batch.progress.wait()

    async def close(self, batch: Batch) -> None:
        """All photos have arrived: the batch ends with the last of them, here or elsewhere.

        Raises StoreUnavailable if the archive cannot store the pending ones.
        """
        batch.complete = True
        batch.share.keep(batch.held)
        if (archive := self._engine.archive) is not None:
            waiting = [(n, one.photo) for n, one in enumerate(batch.entries) if one.photo]
            writing = (
                archive.run(archive.files.write, _file(batch.job, number), photo)
                for number, photo in waiting
            )
            await asyncio.gather(*writing)
            batch.job.asked = {"maker": batch.maker}
        self._tell(batch)

    async def refuse(self, batch: Batch) -> None:
        """The request is invalid: discards everything it has produced so far."""
        self._engine.shelf.jobs.cancel(batch.job)
        self._kept.pop(batch.job.id, None)
        for analysis in batch._fresh:
            if await self._recall.known(analysis):
                await self._recall.forget(analysis, batch.maker)

    def _accept(self, batch: Batch) -> None:
        """Registers and starts it; raises QueueFull if too many batches are in progress."""
        active = sum(one.job.active for one in self._kept.values())
        if active >= AT_A_TIME:
            raise QueueFull(
                f"{active} batches are in work already.",
                limit=AT_A_TIME,
                actual=active,
                headers={"Retry-After": str(self._engine.inference.wait_s)},
            )
        job = batch.job
        job.stop = lambda: self._stop(batch)
        job.entries = lambda: [entry.to_json() for entry in batch.entries]
        self._engine.shelf.jobs.accept(job)
        self._kept[job.id] = batch
        self._forget()
        task = asyncio.create_task(self._until_ended(batch))
        # Not inside the task: a task cancelled before its first step runs no `finally`.
        task.add_done_callback(lambda _: batch.share.keep(0))
        batch._tasks.add(task)

    def _begin(self, batch: Batch, number: int) -> None:
        task = asyncio.create_task(self._look(batch, number))
        batch._tasks.add(task)
        task.add_done_callback(batch._tasks.discard)

    async def _look(self, batch: Batch, number: int) -> None:
        entry = batch.entries[number]
        held, share = len(entry.photo or b""), _nothing()
        try:
            async with batch.slots:
                photo = entry.photo
                if photo is None:
                    photo = await self._kept_photo(batch, number)
                    share = await self._room_for(photo)
                while entry.analysis is None:
                    try:
                        found = await self._engine.analyse(photo, batch.job.model)
                    except QueueFull:
                        await asyncio.sleep(TURN_S)
                        continue
                    if not await self._recall.made(found.id, batch.maker):
                        batch._fresh.add(found.id)
                    await self._recall.sign(found.id, batch.maker)
                    entry.analysis = found.id
        except Problem as problem:
            entry.problem = problem
        except Exception:
            log.exception("a photo of batch %s failed", batch.job.id)
            entry.problem = Internal("The server met an error that it did not foresee.")
        finally:
            entry.photo = None
            share.keep(0)
            batch.held -= held
            batch.done += entry.ended
            if batch.complete:
                batch.share.keep(batch.held)
            self._tell(batch)

    async def _kept_photo(self, batch: Batch, number: int) -> bytes:
        """From the archive; raises JobInterrupted if it is not there."""
        archive = self._engine.archive
        assert archive is not None
        found = await archive.run(archive.files.read, _file(batch.job, number))
        if found is None:
            raise JobInterrupted("The server stopped before it had looked at this photo.")
        return found

    async def _room_for(self, photo: bytes) -> Share:
        """Waits for enough of the upload budget."""
        while True:
            try:
                return await self._engine.uploads.take(len(photo))
            except QueueFull:
                await asyncio.sleep(TURN_S)

    def _tell(self, batch: Batch) -> None:
        """Reports progress."""
        total = len(batch.entries) if batch.complete else None
        batch.job.meter.report(batch.done, total)
        batch.progress.set()

    async def _until_ended(self, batch: Batch) -> None:
        while not batch.complete or batch.done < len(batch.entries):
            batch.progress.clear()
            await batch.progress.wait()
        self._engine.shelf.jobs.finish(batch.job)

    def _stop(self, batch: Batch) -> None:
        """Cancels its photos, whether queued or running."""
        for task in tuple(batch._tasks):
            task.cancel()
        batch.progress.set()

    def _forget(self) -> None:
        ended = [id for id, batch in self._kept.items() if not batch.job.active]
        for id in ended[: max(0, len(ended) - KEPT)]:
            del self._kept[id]


def _nothing() -> Share:
    """An empty share, for a batch whose photos are in the archive."""
    return Share(Budget(0, 0), 0)


def _file(job: Job, number: int) -> str:
    """The archive's name of a pending photo."""
    return f"jobs/{job.id}/photos/{number}"
