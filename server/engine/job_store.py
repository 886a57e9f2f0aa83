"""Jobs as every instance sees them: from memory, or from the archive, where their instance writes.

    jobs/<id>/job.json       kind, progress and result, written every second while it runs
    jobs/<id>/cancel         empty: a request to cancel it
    jobs/<id>/claims/<n>     empty: whoever creates it starts the job for the n-th time
    jobs/<id>/photos/<n>     of a batch: photos that are still pending (batches.py)

An instance that stops or is killed no longer writes. Another one, or the same after a restart, then
restarts its sweeps and measurements from the original request and continues its batches. A batch
whose upload was not complete is reported as interrupted. Without an archive only the process that
runs a job knows of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from time import time
from typing import Any

from fovea.server.engine.jobs import Job, Jobs, Meter
from fovea.server.problems import (
    JobCancelled,
    JobInterrupted,
    Problem,
    QueueFull,
    StoreUnavailable,
    UnknownJob,
)
from fovea.server.storage.archive import Archive, is_name
from fovea.server.storage.told import problem_of_json, problem_to_json

log = logging.getLogger("fovea.jobs")

BEAT_S = 1.0
"""Interval at which an instance publishes its jobs and looks for cancel requests."""
LOST_S = 10.0
"""An instance silent for this long is considered dead."""
LOOK_S = 5.0
"""Interval at which an instance looks for jobs of dead instances."""
FOLLOW_S = 0.5
MOST_BEGINS = 3
"""A job that has crashed its server this many times is not restarted."""

Again = Callable[[Mapping[str, Any]], Awaitable[Job]]
"""Restarts a job, under its id, from its last stored state; raises a Problem."""


class JobStore:
    """The persistent jobs of one engine; used from the event loop."""

    def __init__(self, jobs: Jobs, archive: Archive | None, again: Again) -> None:
        self._jobs, self._archive, self._again = jobs, archive, again
        self._told: dict[str, bytes] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._instance = secrets.token_hex(4)

    async def publish(self, job: Job) -> None:
        """Writes the job to the archive, so that a client that was told of it finds it after a
        restart.
        """
        if self._archive is None:
            return
        # One at a time, so that no older state is written over a newer one.
        async with self._locks.setdefault(job.id, asyncio.Lock()):
            data = self._to_json(job)
            await self._archive.run(self._archive.files.write, f"jobs/{job.id}/job.json", data)
            self._told[job.id] = data
        if job.kind == "batch" and not (job.active or job.interrupted):
            await self._archive.run(self._archive.files.delete, f"jobs/{job.id}/photos")

    async def get(self, id: str) -> Job:
        """The job; raises UnknownJob."""
        if (job := self._jobs.kept(id)) is not None:
            await self._settle(job)
            return job
        told = await self._read(id)
        if told is None:
            return self._jobs.get(id)  # raises UnknownJob
        if _lost(told):
            told = await self._pick_up(told)
        return self._jobs.kept(id) or _job_of(told)

    async def entries(self, id: str) -> list[dict[str, Any]]:
        """The entries of a batch that another instance runs; raises UnknownJob."""
        told = await self._read(id)
        if told is None or told["kind"] != "batch":
            raise UnknownJob(f"There is no batch {id[:50]!r}.")
        found: list[dict[str, Any]] = told["entries"]
        return found

    async def cancel(self, job: Job) -> Job:
        """Cancels it on whichever instance runs it; returns the job once that has happened."""
        if self._archive is None or self._jobs.kept(job.id) is not None:
            self._jobs.cancel(job)
            if self._archive is not None:
                await self.publish(job)
            return job
        await self._archive.run(self._archive.files.write, f"jobs/{job.id}/cancel", b"")
        async for now in self.follow(job):
            if not now.active:
                return now
        return job

    async def follow(self, job: Job) -> AsyncIterator[Job]:
        """Yields at once, then whenever there may be news, and last when the job has ended."""
        if self._jobs.kept(job.id) is not None:
            async for _ in self._jobs.follow(job):
                await self._settle(job)
                yield job
            return
        while job.active:
            yield job
            await asyncio.sleep(FOLLOW_S)
            with suppress(StoreUnavailable):
                job = await self.get(job.id)
        yield job

    async def keep_telling(self) -> None:
        """Runs forever: publishes its own jobs and takes over those of dead instances."""
        looked = -LOOK_S
        loop = asyncio.get_running_loop()
        while self._archive is not None:
            try:
                await self._tell_of_all(self._archive)
                if loop.time() - looked >= LOOK_S:
                    looked = loop.time()
                    await self._look_for_lost(self._archive)
            except StoreUnavailable:
                pass  # files.py has logged it; the next round tries again
            except Exception:
                log.exception("jobs could not be told")
            await asyncio.sleep(BEAT_S)

    async def release(self) -> None:
        """At shutdown: releases unfinished jobs, so that others may restart them at once."""
        if self._archive is None:
            return
        with suppress(StoreUnavailable):
            for job in self._jobs:
                if job.interrupted or job.active:
                    await self.publish(job)

    async def _tell_of_all(self, archive: Archive) -> None:
        for job in self._jobs:
            if job.kind == "download":
                continue
            if job.active and await archive.run(archive.files.exists, f"jobs/{job.id}/cancel"):
                self._jobs.cancel(job)
            if job.active or self._untold(job):
                await self.publish(job)
        for id in self._told.keys() - {job.id for job in self._jobs}:
            del self._told[id], self._locks[id]

    async def _settle(self, job: Job) -> None:
        """Once a client is told here that a job has ended, every other instance says so too."""
        over = not (job.active or job.interrupted or job.kind == "download")
        if self._archive is not None and over and self._untold(job):
            with suppress(StoreUnavailable):
                await self.publish(job)

    def _untold(self, job: Job) -> bool:
        told = self._told.get(job.id, b"{}")
        return _without_beat(self._to_json(job)) != _without_beat(told)

    async def _look_for_lost(self, archive: Archive) -> None:
        for found in await archive.run(archive.files.listed, "jobs"):
            id = found.name.split("/")[1]
            if not found.name.endswith("/job.json") or self._jobs.kept(id) is not None:
                continue
            told = await self._read(id)
            if told is not None and _lost(told):
                await self._pick_up(told)

    async def _pick_up(self, told: dict[str, Any]) -> dict[str, Any]:
        """Takes over the job of a dead instance: restarts it, or marks it as interrupted."""
        archive, id = self._archive, told["id"]
        assert archive is not None
        begins = told["begins"] + 1
        if not await archive.run(archive.files.create, f"jobs/{id}/claims/{begins}", b""):
            return told  # another instance was quicker
        problem: Problem = JobInterrupted(
            f"The server that did this stopped when {told['done']} of {told['total'] or '?'} "
            f"{'photos' if told['kind'] == 'batch' else 'passes'} were done."
        )
        if await archive.run(archive.files.exists, f"jobs/{id}/cancel"):
            problem = JobCancelled(f"The {told['kind']} of {told['model']} was cancelled.")
        elif told["asked"] is not None and begins <= MOST_BEGINS:
            try:
                job = await self._again(told)
                job.begins = begins
                await self.publish(job)
                return json.loads(self._to_json(job))  # type: ignore[no-any-return]
            except QueueFull:
                await archive.run(archive.files.delete, f"jobs/{id}/claims/{begins}")
                return told
            except Problem as error:
                problem = error
        state = "cancelled" if isinstance(problem, JobCancelled) else "failed"
        ended = {**told, "state": state, "problem": problem_to_json(problem), "begins": begins}
        data = json.dumps(ended).encode()
        await archive.run(archive.files.write, f"jobs/{id}/job.json", data)
        await archive.run(archive.files.delete, f"jobs/{id}/photos")
        return ended

    async def _read(self, id: str) -> dict[str, Any] | None:
        archive = self._archive
        if archive is None or not is_name(id):
            return None
        data = await archive.run(archive.files.read, f"jobs/{id}/job.json")
        try:
            told: dict[str, Any] | None = None if data is None else json.loads(data)
        except ValueError:
            log.warning("job %s cannot be read in the archive", id)
            return None
        return told

    def _to_json(self, job: Job) -> bytes:
        released = job.interrupted
        told = {
            "id": job.id,
            "kind": job.kind,
            "model": job.model,
            "analysis": job.analysis,
            "result": job.result,
            "asked": job.asked,
            "state": "queued" if released else job.state,
            "problem": None if job.problem is None or released else problem_to_json(job.problem),
            "done": job.meter.received,
            "total": job.meter.total,
            "entries": job.entries() if job.entries else None,
            "begins": job.begins,
            "instance": self._instance,
            "beat": 0.0 if released else time(),
        }
        return json.dumps(told).encode()


def _without_beat(data: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(data)
    told.pop("beat", None)
    return told


def _lost(told: Mapping[str, Any]) -> bool:
    active = told["state"] in ("queued", "running")
    return active and time() - told["beat"] > LOST_S


def _job_of(told: Mapping[str, Any]) -> Job:
    """The job as another instance last published it."""
    meter = Meter()
    meter.report(told["done"], told["total"])
    job = Job(
        told["kind"], told["model"], None, told["analysis"], told["result"], told["asked"],
        told["id"], told["state"],
        None if told["problem"] is None else problem_of_json(told["problem"]), meter,
    )  # fmt: skip
    if not job.active:
        job.finished.set()
    return job
