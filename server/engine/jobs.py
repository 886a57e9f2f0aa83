"""Long work as jobs: followed while they run, cancelled, done once for all who wait.

Used from the event loop; the work itself is done by threads, which report how far they are. It
knows nothing of HTTP: what failed is kept as a Problem.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic
from typing import Any, Literal

from fovea.server.engine.threads import use_one_core
from fovea.server.problems import (
    DownloadCancelled,
    Internal,
    JobCancelled,
    Problem,
    QueueFull,
    ShuttingDown,
    UnknownJob,
)

log = logging.getLogger("fovea.jobs")

State = Literal["queued", "running", "done", "failed", "cancelled"]
Kind = Literal["download", "sweep", "evidence", "batch"]

AT_A_TIME = 2
"""Downloads, and besides them so many jobs whose passes go through the networks."""
MOST_WAITING = 32
"""Jobs of passes; more are refused until some have ended."""
KEPT = 200
"""Finished jobs that can still be asked about."""
RATE_OVER_S = 5.0
SAMPLE_EVERY_S = 0.1
EVENTS_EVERY_S = 0.25

Report = Callable[[int, int | None], None]
"""Called by the work with how far it is and how far it goes, None where that is not known: bytes of
a download, passes of a sweep.
"""
Work = Callable[[Report, Callable[[], bool]], None]
"""The work of a job: given a Report, and whether it has been cancelled; raises a Problem."""


class Meter:
    """The rate of a transfer over the last few seconds; two threads may use it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._samples: deque[tuple[float, int]] = deque()
        self.received = 0
        self.total: int | None = None

    def report(self, received: int, total: int | None) -> None:
        """received: since the beginning of the file, also what an earlier download brought."""
        now = self._clock()
        with self._lock:
            if received < self.received:  # It began anew.
                self._samples.clear()
            self.received, self.total = received, total
            if not self._samples or now - self._samples[-1][0] >= SAMPLE_EVERY_S:
                self._samples.append((now, received))
            while len(self._samples) > 1 and now - self._samples[1][0] > RATE_OVER_S:
                self._samples.popleft()

    @property
    def rate(self) -> float | None:
        """Bytes a second; None as long as there is nothing to tell it by."""
        with self._lock:
            if not self._samples:
                return None
            since, before = self._samples[0]
            seconds = self._clock() - since
            return (self.received - before) / seconds if seconds >= SAMPLE_EVERY_S else None

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None where the total is not known or nothing comes."""
        rate = self.rate
        if self.total is None or not rate:
            return None
        return max(0, self.total - self.received) / rate


@dataclass(eq=False, slots=True)
class Job:
    """One piece of work. model: what it is about; finished: set once nothing more will change.

    analysis: what it is of, None for a download. result: the path at which it answers once it is
    done, by which two jobs of one kind that would do the same are known. asked: what would be asked
    to have it begun again. work: None where tasks of the event loop do it, which `stop` ends at
    once; of a batch `entries` tells each photo.
    interrupted: it ended because the server does. begins: how often it was begun.
    """

    kind: Kind
    model: str
    work: Work | None
    analysis: str | None = None
    result: str | None = None
    asked: Mapping[str, Any] | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    state: State = "queued"
    problem: Problem | None = None
    meter: Meter = field(default_factory=Meter)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: Event = field(default_factory=Event)
    stop: Callable[[], None] | None = None
    entries: Callable[[], list[dict[str, Any]]] | None = None
    interrupted: bool = False
    begins: int = 1

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    async def wait(self) -> None:
        """Until it has ended; raises the Problem it ended with."""
        await self.finished.wait()
        if self.problem is not None:
            raise self.problem


class Jobs:
    """The jobs of a server; a few run at a time, in the order in which they were asked for."""

    def __init__(self, at_a_time: int = AT_A_TIME) -> None:
        self._downloads = ThreadPoolExecutor(at_a_time, thread_name_prefix="job")
        self._passes = ThreadPoolExecutor(
            at_a_time, thread_name_prefix="passes", initializer=use_one_core
        )
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._closed = False

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs.values()))

    def start(
        self,
        kind: Kind,
        model: str,
        work: Work,
        analysis: str | None = None,
        result: str | None = None,
        asked: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> Job:
        """A new job, or the one that does the same already. id: of one that is begun again."""
        if id is None and (same := self.active(kind, model, result)) is not None:
            return same
        if self._closed:
            raise ShuttingDown("The server is stopping.")
        job = Job(kind, model, work, analysis, result, asked, id or secrets.token_hex(6))
        if kind != "download" and sum(map(self._beside(job), self._jobs.values())) >= MOST_WAITING:
            raise QueueFull(
                f"{MOST_WAITING} sweeps and measurements are under way.", limit=MOST_WAITING
            )
        self._jobs[job.id] = job
        self._forget()
        loop = asyncio.get_running_loop()
        threads = self._downloads if kind == "download" else self._passes
        # The thread asks in the name of the client that asked for the job (engine/turns.py).
        threads.submit(copy_context().run, self._run, job, loop)
        return job

    def accept(self, job: Job) -> None:
        """Takes on a job whose work is done by tasks of the event loop; it is running already."""
        if self._closed:
            raise ShuttingDown("The server is stopping.")
        self._jobs[job.id] = job
        self._forget()
        self._begin(job)

    def finish(self, job: Job, problem: Problem | None = None) -> None:
        """The work of an accepted job has ended, by a problem or well."""
        self._end(job, "done" if problem is None else "failed", problem)

    def get(self, id: str) -> Job:
        """The job of this id; raises UnknownJob."""
        if id not in self._jobs:
            raise UnknownJob(f"There is no job {id[:50]!r}.")
        return self._jobs[id]

    def kept(self, id: str) -> Job | None:
        """The job of this id, if this server does or did it."""
        return self._jobs.get(id)

    def active(self, kind: Kind, model: str, result: str | None = None) -> Job | None:
        """The unfinished job that does this."""
        return next(
            (
                job
                for job in tuple(self._jobs.values())
                if job.active and (job.kind, job.model, job.result) == (kind, model, result)
            ),
            None,
        )

    def position(self, job: Job) -> int | None:
        """How many are to be begun before it, itself included; None for one that waits no more."""
        if job.state != "queued":
            return None
        before = filter(self._beside(job), tuple(self._jobs.values()))
        waiting = [other.id for other in before if other.state == "queued"]
        return waiting.index(job.id) + 1 if job.id in waiting else None

    def cancel(self, job: Job) -> None:
        """Ends an unfinished job; its thread follows at the next piece, or the next pass, tasks of
        the event loop at once.
        """
        job.cancelled.set()
        problem: Problem = JobCancelled(f"The {job.kind} of {job.model} was cancelled.")
        if job.kind == "download":
            problem = DownloadCancelled(f"The download of {job.model} was cancelled.")
        self._end(job, "cancelled", problem)
        if job.stop is not None:
            job.stop()

    @staticmethod
    def _beside(job: Job) -> Callable[[Job], bool]:
        """Whether an unfinished job waits for the same threads."""
        downloads = job.kind == "download"
        return lambda other: other.active and (other.kind == "download") == downloads

    async def follow(self, job: Job) -> AsyncIterator[None]:
        """Yields at once, then whenever there may be news, and last when the job has ended."""
        while job.active:
            yield
            try:
                async with asyncio.timeout(EVENTS_EVERY_S):
                    await job.finished.wait()
            except TimeoutError:
                pass
        yield

    def close(self) -> None:
        """Cancels all; returns without waiting for the threads."""
        self._closed = True
        for job in self._jobs.values():
            if job.active:
                job.interrupted = True
                self.cancel(job)
        for threads in (self._downloads, self._passes):
            threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: the work, and how it ended."""
        if job.cancelled.is_set():
            return
        ended: tuple[State, Problem | None]
        try:
            loop.call_soon_threadsafe(self._begin, job)
            if job.work is not None:
                job.work(job.meter.report, job.cancelled.is_set)
            ended = "done", None
        except Problem as problem:
            ended = "failed", problem
        except Exception:
            log.exception("job %s (%s of %s) failed", job.id, job.kind, job.model)
            ended = "failed", Internal("The server met an error that it did not foresee.")
        with suppress(RuntimeError):  # The loop is closed: nobody is left to be told.
            loop.call_soon_threadsafe(self._end, job, *ended)

    def _begin(self, job: Job) -> None:
        """On the loop, like every change of a state, so that none crosses another."""
        if job.state == "queued":
            job.state = "running"

    def _end(self, job: Job, state: State, problem: Problem | None) -> None:
        """What ended first counts."""
        if job.active:
            job.state, job.problem = state, problem
            job.finished.set()

    def _forget(self) -> None:
        finished = [job for job in self._jobs.values() if not job.active]
        for job in finished[: max(0, len(finished) - KEPT)]:
            del self._jobs[job.id]
