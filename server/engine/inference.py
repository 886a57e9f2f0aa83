"""The inference thread: one a device. It takes photos from a queue, those of one network together.

Forward passes on one device gain nothing from running side by side, and one thread keeps their
memory predictable. A job whose future is cancelled while it waits is never run.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.maps.propagation import NotPossible
from fovea.models.records import Map, Trace
from fovea.models.running.inference import run
from fovea.models.running.tasks import task_of, write
from fovea.server.engine.threads import ALL_CORES, use_cores
from fovea.server.problems import OutOfMemory, Problem, ShuttingDown, UnsuitableModel

log = logging.getLogger("fovea.inference")

T = TypeVar("T")

Again = Callable[[LoadedModel, Tensor], T]
"""What takes passes of its own through a network: (network, inputs) → what is asked for."""

MakeMap = Callable[[LoadedModel, Tensor, int], Map]
"""A map that does: (network, photo, class) → Map."""


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """logits: on the CPU, (class,), (class, row, column) or, of a network that writes, (place,
    word). words: what it wrote, (place + 1,) from the start on; None for others. queue_ms: until
    the pass began; forward_ms: the pass itself, and the writing before it.
    """

    logits: Tensor
    trace: Trace
    queue_ms: float
    forward_ms: float
    batch: int
    words: Tensor | None = None
    beams: int = 1


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    loaded: LoadedModel
    inputs: Tensor
    beams: int = 1
    ask: Again[Any] | None = None
    future: Future[Any] = field(default_factory=Future)
    submitted: float = field(default_factory=perf_counter)

    def goes_with(self, other: _Job) -> bool:
        """A job that makes passes of its own runs alone; so does one that writes."""
        if self is other:
            return True
        if task_of(self.loaded.spec.task).writes:
            return False
        plain = self.ask is None and other.ask is None
        return plain and self.loaded is other.loaded and self.inputs.shape == other.inputs.shape


class InferenceThread:
    """Runs jobs in order of arrival, up to `max_batch` that wait for the same network together."""

    def __init__(self, device: torch.device, max_batch: int) -> None:
        self.device, self.max_batch = device, max_batch
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"inference-{device}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    def submit(self, loaded: LoadedModel, inputs: Tensor, beams: int = 1) -> Future[Outcome]:
        """inputs: (1, channel, height, width), or (1, word). beams: for a network that writes."""
        return self._enqueue(_Job(loaded, inputs, beams))

    def submit_again(self, loaded: LoadedModel, inputs: Tensor, ask: Again[T]) -> Future[T]:
        """Something that the network itself has to be run for; the future may raise NotPossible."""
        return self._enqueue(_Job(loaded, inputs, ask=ask))

    def _enqueue(self, job: _Job) -> Future[Any]:
        with self._changed:
            if self._closed:
                raise ShuttingDown("The server is stopping.")
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """Finish what waits, then end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        use_cores(ALL_CORES)
        # On a GPU, TF32 rounds what a convolution multiplies to ten bits: maps came out up to 0.01
        # away from the CPU's.
        torch.backends.cudnn.allow_tf32 = False
        while jobs := self._take():
            self._run(jobs)

    def _take(self) -> list[_Job]:
        """The next jobs of one network that nobody has cancelled; empty when closed and done."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return []
                first = self._jobs[0]
                mates = [job for job in self._jobs if job.goes_with(first)][: self.max_batch]
                for job in mates:
                    self._jobs.remove(job)
                if wanted := [j for j in mates if j.future.set_running_or_notify_cancel()]:
                    return wanted

    def _run(self, jobs: Sequence[_Job]) -> None:
        """Answers every job: with its outcome, or with the problem that it met."""
        try:
            outcomes = self._forward(jobs)
        except (torch.OutOfMemoryError, MemoryError) as error:
            self._run_smaller(jobs, error)
        except Exception as error:
            self._fail(jobs, error)
        else:
            for job, outcome in zip(jobs, outcomes, strict=True):
                job.future.set_result(outcome)

    def _forward(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        started = perf_counter()
        inputs = torch.cat([job.inputs for job in jobs]).to(self.device)
        loaded, ask = jobs[0].loaded, jobs[0].ask
        if ask is not None:
            return [ask(loaded, inputs)]
        beams = jobs[0].beams
        writes = task_of(loaded.spec.task).writes
        words = write(loaded.module, inputs, beams) if writes else None
        read = None if words is None else words[:, :-1]
        logits, traces = run(loaded.module, inputs, loaded.layouts, read)
        logits = logits.float().cpu()  # Also waits for the device, so that the time is honest.
        forward_ms = (perf_counter() - started) * 1000
        return [
            Outcome(
                row,
                trace,
                (started - job.submitted) * 1000,
                forward_ms,
                len(jobs),
                None if words is None else words[0].cpu(),
                beams,
            )
            for job, row, trace in zip(jobs, logits, traces, strict=True)
        ]

    def _run_smaller(self, jobs: Sequence[_Job], error: BaseException) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(jobs) > 1:
            half = len(jobs) // 2
            self._run(jobs[:half])
            self._run(jobs[half:])
            return
        problem = OutOfMemory("The network and this photo need more memory than there is.")
        problem.__cause__ = error
        jobs[0].future.set_exception(problem)

    def _fail(self, jobs: Sequence[_Job], error: Exception) -> None:
        if isinstance(error, NotPossible):
            for job in jobs:
                job.future.set_exception(error)
            return
        model = jobs[0].loaded.spec.id
        log.error("forward pass of %s failed", model, exc_info=error)
        problem: Problem = UnsuitableModel(f"{model} failed on a photo of its own input size.")
        for job in jobs:
            job.future.set_exception(problem)


def pick_device(name: str) -> torch.device:
    """`auto` is a GPU where there is one; raises ValueError for a device that is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        available = (device.index or 0) < torch.cuda.device_count()
    else:
        available = device.type == "cpu" or torch.backends.mps.is_available()
    if not available:
        built = torch.version.cuda or device.type != "cuda"
        version = f"{torch.__version__}{'' if built else ' is built without CUDA: it'}"
        raise ValueError(f"torch {version} finds no device {name!r}; cpu and auto always work")
    return device
