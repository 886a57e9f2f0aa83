"""Long work as jobs: clients can follow and cancel them; equal requests share one job.

Used from the event loop; threads do the work and report progress. It knows nothing of HTTP: a
failure is stored as a Problem.
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
"""Threads: one for each download, plus this many jobs that run passes."""
MOST_WAITING = 32
"""Maximum number of unfinished jobs that run passes; more are refused."""
KEPT = 200
"""Number of finished jobs that are remembered."""
RATE_OVER_S = 5.0
SAMPLE_EVERY_S = 0.1
EVENTS_EVERY_S = 0.25

Report = Callable[[int, int | None], None]
"""Progress callback: (done, total or None if unknown), in bytes of a download or passes of
a sweep.
"""
Work = Callable[[Report, Callable[[], bool]], None]
"""The work of a job: takes a Report and a function that tells whether it was cancelled; raises a
Problem.
"""


class Meter:
    """The rate of a transfer over the last few seconds; safe for two threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._samples: deque[tuple[float, int]] = deque()
        self.received = 0
        self.total: int | None = None

    def report(self, received: int, total: int | None) -> None:
        """received: bytes since the beginning of the file, including those of an earlier
        download.
        """
        now = self._clock()
        with self._lock:
            if received < self.received:  # the download restarted
                self._samples.clear()
            self.received, self.total = received, total
            if not self._samples or now - self._samples[-1][0] >= SAMPLE_EVERY_S:
                self._samples.append((now, received))
            while len(self._samples) > 1 and now - self._samples[1][0] > RATE_OVER_S:
                self._samples.popleft()

    @property
    def rate(self) -> float | None:
        """Bytes a second; None until it can be estimated."""
        with self._lock:
            if not self._samples:
                return None
            since, before = self._samples[0]
            seconds = self._clock() - since
            return (self.received - before) / seconds if seconds >= SAMPLE_EVERY_S else None

    @property
    def seconds_left(self) -> float | None:
        """Remaining seconds at this rate; None if the total is unknown or nothing arrives."""
        rate = self.rate
        if self.total is None or not rate:
            return None
        return max(0, self.total - self.received) / rate


@dataclass(eq=False, slots=True)
class Job:
    """One job. model: the model concerned; finished: set once nothing will change any more.

    analysis: the analysis concerned, None for a download. result: address of the result when done;
    jobs of one kind with equal addresses are the same job. asked: the request, for a restart. work:
    None if event-loop tasks do the work, which `stop` cancels; `entries` are a batch's photos.
    interrupted: it ended because the server stopped. begins: how often it was started.
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
        """Waits for the end; raises the job's Problem if it failed."""
        await self.finished.wait()
        if self.problem is not None:
            raise self.problem


class Jobs:
    """The jobs of a server; a few run at a time, in order of arrival."""

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
        """A new job, or the existing one with the same result. id: of a job to restart."""
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
        # The thread acts for the client that started the job (engine/turns.py).
        threads.submit(copy_context().run, self._run, job, loop)
        return job

    def accept(self, job: Job) -> None:
        """Registers a job, already running, whose work is done by event-loop tasks."""
        if self._closed:
            raise ShuttingDown("The server is stopping.")
        self._jobs[job.id] = job
        self._forget()
        self._begin(job)

    def finish(self, job: Job, problem: Problem | None = None) -> None:
        """Marks an accepted job as finished, with or without a problem."""
        self._end(job, "done" if problem is None else "failed", problem)

    def get(self, id: str) -> Job:
        """The job with this id; raises UnknownJob."""
        if id not in self._jobs:
            raise UnknownJob(f"There is no job {id[:50]!r}.")
        return self._jobs[id]

    def kept(self, id: str) -> Job | None:
        """The job with this id if this server runs or ran it, else None."""
        return self._jobs.get(id)

    def active(self, kind: Kind, model: str, result: str | None = None) -> Job | None:
        """The unfinished job with this result."""
        return next(
            (
                job
                for job in tuple(self._jobs.values())
                if job.active and (job.kind, job.model, job.result) == (kind, model, result)
            ),
            None,
        )

    def position(self, job: Job) -> int | None:
        """Its position among the waiting jobs, from 1; None once it has started."""
        if job.state != "queued":
            return None
        before = filter(self._beside(job), tuple(self._jobs.values()))
        waiting = [other.id for other in before if other.state == "queued"]
        return waiting.index(job.id) + 1 if job.id in waiting else None

    def cancel(self, job: Job) -> None:
        """Cancels an unfinished job: event-loop tasks stop at once, a thread at its next chunk or
        pass.
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
        """Cancels all jobs; returns without waiting for the threads."""
        self._closed = True
        for job in self._jobs.values():
            if job.active:
                job.interrupted = True
                self.cancel(job)
        for threads in (self._downloads, self._passes):
            threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        """Runs in a thread: does the work and records how it ended."""
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
        with suppress(RuntimeError):  # the loop is closed: there is nobody left to notify
            loop.call_soon_threadsafe(self._end, job, *ended)

    def _begin(self, job: Job) -> None:
        """Runs on the loop, as all state changes do, so that none can race another."""
        if job.state == "queued":
            job.state = "running"

    def _end(self, job: Job, state: State, problem: Problem | None) -> None:
        """Records the end of a job; only the first call counts."""
        if job.active:
            job.state, job.problem = state, problem
            job.finished.set()

    def _forget(self) -> None:
        finished = [job for job in self._jobs.values() if not job.active]
        for job in finished[: max(0, len(finished) - KEPT)]:
            del self._jobs[job.id]
