"""The passes of a long job, one batch after another through the inference queue.

Other requests get their turn between two batches. Used by a job's thread (jobs.py); cancelling the
job ends the running pass and starts no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from time import sleep
from typing import Any, TypeVar

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.running.outputs import tensor_of
from fovea.server.engine import editing
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.engine.inference import Again
from fovea.server.engine.jobs import Job, Kind, Report
from fovea.server.problems import AnalysisGone, JobCancelled, QueueFull

T = TypeVar("T")

BATCH = 8
"""Images in one pass: few, so that others do not wait long."""
LOOK_EVERY_S = 0.05


@dataclass(eq=False)
class Passes:
    """Access to the network for a job's thread. total: expected number of passes."""

    engine: Engine
    analysis: Analysis
    loop: asyncio.AbstractEventLoop
    report: Report
    stopped: Callable[[], bool]
    total: int = 0
    done: int = 0

    def begin(self, total: int) -> LoadedModel:
        """The network, loaded again if it was evicted."""
        self.total = total
        self.report(0, total)
        return self.on_loop(lambda: self.engine.shelf.get(self.analysis.model.id))

    def ask(self, loaded: LoadedModel, ask: Again[T], inputs: Tensor, steps: int = 1) -> T:
        """Runs `ask` in its turn and counts it as that many steps.

        Raises JobCancelled once the job is cancelled, and UnknownAnalysis once its analysis is
        deleted.
        """
        self.on_loop(self._still_kept)
        found = self._wait(self.engine.inference.submit_again(loaded, inputs, ask))
        self.done += steps
        self.report(self.done, max(self.total, self.done))
        return found

    def logits(self, loaded: LoadedModel, inputs: Tensor) -> Tensor:
        """Logits (picture, class) on the CPU, a batch at a time, with the analysis' edits if it is
        edited. inputs: preprocessed, (picture, channel, row, column).
        """
        ask = editing.under(self.analysis, logits_of)
        return torch.cat([self.ask(loaded, ask, one, len(one)) for one in inputs.split(BATCH)])

    def on_loop(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs a coroutine of the engine and waits for it, retrying while the queue is full."""
        while True:
            self._check()
            try:
                return self._wait(asyncio.run_coroutine_threadsafe(make(), self.loop))
            except QueueFull as full:
                sleep(full.retry_after_s or 1)

    async def _still_kept(self) -> None:
        try:
            self.engine.store.get(self.analysis.id)
        except AnalysisGone:
            if self.engine.archive is None:  # otherwise it was only evicted and can be recomputed
                raise

    def _check(self) -> None:
        if self.stopped():
            raise JobCancelled(f"The work on {self.analysis.model.id} was cancelled.")

    def _wait(self, future: Future[T]) -> T:
        while True:
            try:
                self._check()
                return future.result(timeout=LOOK_EVERY_S)
            except TimeoutError:
                if future.done():
                    raise
            except JobCancelled:
                future.cancel()
                raise


async def start(
    engine: Engine,
    kind: Kind,
    analysis: Analysis,
    path: str,
    work: Callable[[Passes], Any],
    asked: Mapping[str, Any] | None = None,
    id: str | None = None,
) -> Job:
    """Starts the job that does this work and stores the result under `path`; it is done at once if
    the result exists. asked: the request, for a restart; id: of a job to restart.
    """
    loop = asyncio.get_running_loop()

    def run(report: Report, stopped: Callable[[], bool]) -> None:
        passes = Passes(engine, analysis, loop, report, stopped)
        found = work(passes)

        passes.on_loop(lambda: engine.results.put(path, analysis, found))

    def nothing(report: Report, stopped: Callable[[], bool]) -> None:
        report(1, 1)

    known = await engine.results.find(path, analysis) is not None
    return engine.shelf.jobs.start(
        kind, analysis.model.id, nothing if known else run, analysis.id, path, asked, id
    )


def logits_of(loaded: LoadedModel, inputs: Tensor) -> Tensor:
    """One plain pass without recording: logits (picture, class) on the CPU."""
    with torch.inference_mode():
        return tensor_of(loaded.module(inputs)).float().cpu()
