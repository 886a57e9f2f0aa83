"""The inference threads of a device. They take jobs from one queue, grouped by network.

On a GPU there is one thread, as parallel passes gain nothing. On a CPU a lone pass gets all cores;
when more photos wait, several threads share the cores, because two one-core passes in parallel
finish sooner than two two-core passes in sequence. A job cancelled while waiting never runs; a
running one stops at its next block (models/tracing/stopping.py).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.edits import RefusedEdit
from fovea.models.maps.propagation import NotPossible
from fovea.models.records import Trace
from fovea.models.running.inference import run
from fovea.models.running.tasks import GREEDY, Search, task_of, write
from fovea.models.tracing.stopping import Abandoned, stoppable
from fovea.server.engine.threads import ALL_CORES, use_cores
from fovea.server.engine.turns import CLIENT, Turns
from fovea.server.problems import OutOfMemory, ShuttingDown, UnsuitableModel

log = logging.getLogger("fovea.inference")

T = TypeVar("T")

Again = Callable[[LoadedModel, Tensor], T]
"""Work that runs its own passes: (network, inputs) → result."""

MOST_THREADS = 4
"""Default thread count on a CPU: the Python part of a pass is limited by the GIL."""

SMOOTHING = 0.2
LONGEST_WAIT_S = 60


class Answer(Future[T]):
    """A future that records a cancellation even while it is running."""

    abandoned = False

    def cancel(self) -> bool:
        """Like Future.cancel; a running pass notices at its next block."""
        self.abandoned = True
        return super().cancel()


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """The result of a pass. logits: on the CPU, (class,), (class, row, column) or, for a network
    that writes, (position, word). words: what it wrote including the start word, (position + 1,),
    or None. queue_ms: wait before the pass; forward_ms: the pass and any decoding before it.
    """

    logits: Tensor
    trace: Trace
    queue_ms: float
    forward_ms: float
    batch: int
    words: Tensor | None = None
    search: Search = GREEDY


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    loaded: LoadedModel
    inputs: Tensor
    search: Search = GREEDY
    ask: Again[Any] | None = None
    future: Answer[Any] = field(default_factory=Answer)
    submitted: float = field(default_factory=perf_counter)

    @property
    def plain(self) -> bool:
        """Whether the job is a single plain pass, which can share a batch or run in parallel."""
        return self.ask is None and not task_of(self.loaded.spec.task).writes

    def goes_with(self, other: _Job) -> bool:
        """Whether two jobs can be batched. Jobs with passes of their own, and decoding, run
        alone.
        """
        if self is other:
            return True
        plain = self.plain and other.plain
        return plain and self.loaded is other.loaded and self.inputs.shape == other.inputs.shape


class InferenceThreads:
    """Runs jobs, batching up to `max_batch` that wait for the same network.

    threads: maximum parallel passes; default 1 on a GPU, up to four on a CPU. on_pass: called by an
    inference thread with (seconds of the pass, seconds that each job waited). coming: jobs
    including those still being prepared. passes: count so far.
    """

    def __init__(self, device: torch.device, max_batch: int, threads: int | None = None) -> None:
        self.device, self.max_batch = device, max_batch
        self.count = threads or (1 if device.type != "cpu" else min(ALL_CORES, MOST_THREADS))
        self.on_pass: Callable[[float, Sequence[float]], None] = lambda seconds, waited: None
        self.coming: Callable[[], int] = lambda: 0
        self.passes = 0
        self.abandoned: Counter[str] = Counter()
        self._jobs: Turns[_Job] = Turns()
        self._changed = threading.Condition()
        self._closed = False
        self._running = 0
        self._first_is_idle = True
        # Networks that run exclusively: replay temporarily replaces their blocks.
        self._alone: set[int] = set()
        self._pass_s = 0.1
        self._threads = [
            threading.Thread(
                target=self._work, args=(index,), name=f"inference-{device}-{index}", daemon=True
            )
            for index in range(self.count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    @property
    def running(self) -> int:
        """Passes in progress."""
        return self._running

    @property
    def wait_s(self) -> int:
        """Whole seconds until the current queue is done, estimated from recent passes."""
        ahead = (self.waiting + self._running) * self._pass_s / self.count
        return max(1, min(LONGEST_WAIT_S, ceil(ahead)))

    def submit(
        self, loaded: LoadedModel, inputs: Tensor, search: Search = GREEDY
    ) -> Future[Outcome]:
        """inputs: (1, channel, height, width) or (1, word). search: decoding options of a network
        that writes.
        """
        return self._enqueue(_Job(loaded, inputs, search))

    def submit_again(self, loaded: LoadedModel, inputs: Tensor, ask: Again[T]) -> Future[T]:
        """Submits work that runs the network itself; the future may raise NotPossible."""
        return self._enqueue(_Job(loaded, inputs, ask=ask))

    def _enqueue(self, job: _Job) -> Future[Any]:
        with self._changed:
            if self._closed:
                raise ShuttingDown("The server is stopping.")
            self._jobs.add(id(job.loaded), CLIENT.get(), job)
            self._changed.notify_all()
        return job.future

    def close(self) -> None:
        """Finishes the queue, then ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self, index: int) -> None:
        # On a GPU, TF32 would round the operands of convolutions to ten bits, moving maps up to
        # 0.01 from the CPU's.
        torch.backends.cudnn.allow_tf32 = False
        while jobs := self._take(index):
            use_cores(self._cores())
            tell = self._run(jobs)
            # The cores are released before the result is announced, so the next request finds them
            # free.
            with self._changed:
                self._running -= 1
                self.passes += 1
                self._first_is_idle = self._first_is_idle or index == 0
                if not jobs[0].plain:
                    self._alone.discard(id(jobs[0].loaded))
                self._changed.notify_all()
            for answer in tell:
                answer()

    def _cores(self) -> int:
        """Cores for each pass: all for a lone one, fewer if others run, wait or are on
        their way.
        """
        if self.device.type != "cpu":
            return ALL_CORES
        beside = max(self._running + self.waiting, self.coming())
        return max(1, ALL_CORES // min(self.count, beside))

    def _take(self, index: int) -> list[_Job]:
        """The next jobs of one network that are not cancelled; empty when closed and done.

        The first thread has precedence, so that a lone pass finds its OpenMP team warm.
        """
        with self._changed:
            while True:
                self._changed.wait_for(
                    lambda: (self._jobs and (index == 0 or not self._first_is_idle)) or self._closed
                )
                if not self._jobs:
                    return []
                mates = self._jobs.take(self._can_run, self.max_batch, lambda a, b: b.goes_with(a))
                if not mates:  # everything that waits is for networks in exclusive use
                    self._changed.wait()
                    continue
                wanted = [j for j in mates if j.future.set_running_or_notify_cancel()]
                self.abandoned["queued"] += len(mates) - len(wanted)
                if wanted:
                    self._running += 1
                    self._first_is_idle = self._first_is_idle and index != 0
                    if not wanted[0].plain:
                        self._alone.add(id(wanted[0].loaded))
                    if self._jobs:
                        # The other threads were asleep to give the first one precedence.
                        self._changed.notify_all()
                    return wanted

    def _can_run(self, job: _Job) -> bool:
        return job.plain or id(job.loaded) not in self._alone

    def _run(self, jobs: Sequence[_Job]) -> list[Callable[[], None]]:
        """Completes every job with its outcome or its problem."""
        started = perf_counter()
        try:
            with stoppable(lambda: all(job.future.abandoned for job in jobs)):
                outcomes = self._forward(jobs)
        except Abandoned as nobody_waits:
            self.abandoned["running"] += len(jobs)
            return _failing(jobs, nobody_waits)
        except (torch.OutOfMemoryError, MemoryError) as error:
            return self._run_smaller(jobs, error)
        except Exception as error:
            return _failing(jobs, _told(jobs, error))
        seconds = perf_counter() - started
        self._pass_s += SMOOTHING * (seconds - self._pass_s)
        self.on_pass(seconds, [started - job.submitted for job in jobs])
        pairs = zip(jobs, outcomes, strict=True)
        return [partial(job.future.set_result, outcome) for job, outcome in pairs]

    def _forward(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        started = perf_counter()
        inputs = torch.cat([job.inputs for job in jobs]).to(self.device)
        loaded, ask = jobs[0].loaded, jobs[0].ask
        if ask is not None:
            return [ask(loaded, inputs)]
        search = jobs[0].search
        writes = task_of(loaded.spec.task).writes
        words = write(loaded.module, inputs, search) if writes else None
        read = None if words is None else words[:, :-1]
        logits, traces = run(loaded.module, inputs, loaded.layouts, read)
        logits = logits.float().cpu()  # synchronises with the device, so the time is real
        forward_ms = (perf_counter() - started) * 1000
        return [
            Outcome(
                row,
                trace,
                (started - job.submitted) * 1000,
                forward_ms,
                len(jobs),
                None if words is None else words[0].cpu(),
                search,
            )
            for job, row, trace in zip(jobs, logits, traces, strict=True)
        ]

    def _run_smaller(self, jobs: Sequence[_Job], error: BaseException) -> list[Callable[[], None]]:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(jobs) > 1:
            half = len(jobs) // 2
            return self._run(jobs[:half]) + self._run(jobs[half:])
        problem = OutOfMemory("The network and this photo need more memory than there is.")
        problem.__cause__ = error
        return _failing(jobs, problem)


def _failing(jobs: Sequence[_Job], error: BaseException) -> list[Callable[[], None]]:
    return [partial(job.future.set_exception, error) for job in jobs]


def _told(jobs: Sequence[_Job], error: Exception) -> Exception:
    """What clients are told about an error; the log has the details."""
    if isinstance(error, NotPossible | RefusedEdit):
        return error
    model = jobs[0].loaded.spec.id
    log.error("forward pass of %s failed", model, exc_info=error)
    return UnsuitableModel(f"{model} failed on a photo of its own input size.")
