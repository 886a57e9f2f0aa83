"""Loaded networks: each is loaded once for all requests, and the least recently used are evicted.
Missing weights are downloaded by a job (jobs.py) that all waiting requests share.

Used from the event loop; a thread does the loading.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

from fovea.models.catalog.catalog import Catalog, UnknownModel
from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.catalog.weights import weights
from fovea.models.closest import did_you_mean
from fovea.server import problems
from fovea.server.engine.downloads import Downloads
from fovea.server.engine.jobs import Job, Jobs, Kind, Report
from fovea.server.engine.threads import use_one_core

log = logging.getLogger("fovea.models")

LOADERS = 2
DOWNLOAD: Kind = "download"
LONGEST_NAME = 200
"""Maximum bytes of a model id; file systems allow hardly more."""


class Shelf:
    """The networks in memory, within a budget of bytes; the newest always stays."""

    def __init__(
        self,
        catalog: Catalog,
        device: torch.device,
        budget_bytes: int,
        downloads: Downloads | None = None,
    ) -> None:
        self.downloads = downloads or Downloads()
        self.catalog, self.device, self.budget_bytes = catalog, device, budget_bytes
        self.jobs = Jobs()
        self._threads = ThreadPoolExecutor(
            LOADERS, thread_name_prefix="load", initializer=use_one_core
        )
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        self._loading: dict[str, asyncio.Task[LoadedModel]] = {}
        self._aliases: dict[str, str] = {}

    async def get(self, model: str) -> LoadedModel:
        """The network of this name, loaded if necessary; raises a Problem if it cannot be."""
        model = await self.resolve(model)
        if model in self._loaded:
            self._loaded.move_to_end(model)
            return self._loaded[model]
        if model not in self._loading:
            self._loading[model] = asyncio.create_task(self._load(model))
        # Shielded: a waiter that is cancelled does not cancel the load for the others.
        return await asyncio.shield(self._loading[model])

    def loaded(self, model: str) -> LoadedModel | None:
        """The network of this name if it is in memory."""
        return self._loaded.get(self._aliases.get(model, model))

    def loading(self, model: str) -> bool:
        return model in self._loading

    async def download(self, model: str) -> Job:
        """The job that downloads a model's weights, started if necessary; raises a Problem if it
        cannot succeed.
        """
        model = await self.resolve(model)
        if (job := self.downloading(model)) is not None:
            return job
        spec = await asyncio.to_thread(find, self.catalog, model)
        here = await asyncio.to_thread(self.catalog.local, model)
        if not here and spec.reason is None and not self.catalog.offline:
            await asyncio.to_thread(self.downloads.check, spec, self.catalog)
        if not here and (self.catalog.offline or spec.reason is not None):
            # Fails at once rather than in a job.
            await asyncio.to_thread(self._download_now, model, _ignore, lambda: False)
        return self.jobs.start(
            DOWNLOAD, model, lambda report, stopped: self._download_now(model, report, stopped)
        )

    def downloading(self, model: str) -> Job | None:
        """The unfinished download of a model's weights."""
        return self.jobs.active(DOWNLOAD, model)

    def close(self) -> None:
        self.jobs.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def resolve(self, model: str) -> str:
        """The id of the model with this name or alias; raises UnknownModel."""
        if model in self._aliases:
            return self._aliases[model]
        spec = await asyncio.to_thread(find, self.catalog, model)
        self._aliases[model] = spec.id
        return spec.id

    async def _load(self, model: str) -> LoadedModel:
        loop = asyncio.get_running_loop()
        try:
            if not await asyncio.to_thread(self.catalog.local, model):
                await self._bring(model)
            loaded = await loop.run_in_executor(self._threads, self._load_now, model)
        finally:
            del self._loading[model]
        self._loaded[model] = loaded
        while len(self._loaded) > 1 and self._nbytes() > self.budget_bytes:
            self._loaded.popitem(last=False)
        return loaded

    async def _bring(self, model: str) -> None:
        """Waits for the download; its problem names the job. Local but unusable weights are left to
        the loader, which explains the reason.
        """
        if (await asyncio.to_thread(self.catalog.spec, model)).reason is not None:
            return
        job = await self.download(model)
        try:
            await job.wait()
        except problems.Problem as problem:
            problem.extra["job"] = f"/v1/jobs/{job.id}"
            raise

    def _download_now(self, model: str, report: Report, stopped: Callable[[], bool]) -> None:
        with _as_problems(model):
            try:
                self.catalog.download(model, self.downloads.bounded(report, self.catalog), stopped)
            except weights.ModelNotLocal as error:
                if isinstance(error.__cause__, problems.Problem):  # of the bound, not of the hub
                    raise error.__cause__ from None
                raise

    def _load_now(self, model: str) -> LoadedModel:
        with _as_problems(model):
            return self.catalog.load(model, self.device)

    def _nbytes(self) -> int:
        return sum(
            tensor.nbytes
            for loaded in self._loaded.values()
            for tensor in (*loaded.module.parameters(), *loaded.module.buffers())
        )


def find(catalog: Catalog, model: str) -> ModelSpec:
    """The row of the catalogue; raises a Problem that suggests close names."""
    try:
        if len(model.encode()) > LONGEST_NAME:
            raise UnknownModel(model[:LONGEST_NAME], ())
        return catalog.spec(model)
    except UnknownModel as error:
        here = [spec.id for spec in catalog.listed()]
        known = list(dict.fromkeys([*here, *error.known]))
        raise problems.UnknownModel(
            f"There is no model {model[:100]!r}.{did_you_mean(model, known)} "
            f"Known: {', '.join(known)}.",
            known=known,
        ) from error


@contextmanager
def _as_problems(model: str) -> Iterator[None]:
    """Converts errors about a model's weights into problems for the client."""
    try:
        yield
    except weights.ModelNotLocal as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC:
            raise problems.DiskFull(f"There is no room for the weights of {model}.") from error
        raise problems.ModelNotLocal(_sentence("Not here", error), hint=error.hint) from error
    except weights.DownloadStopped as error:
        raise problems.DownloadCancelled(f"The download of {model} was cancelled.") from error
    except weights.CorruptWeights as error:
        raise problems.CorruptWeights(_sentence("Not loaded", error), hint=error.hint) from error
    except weights.UnsafeCheckpoint as error:
        raise problems.UnsafeCheckpoint(_sentence("Not loaded", error), hint=error.hint) from error
    except weights.InvalidModelFile as error:
        raise problems.InvalidModelFile(_sentence("Not loaded", error), hint=error.hint) from error
    except weights.UnusableNetwork as error:
        log.warning("%s cannot be used", model, exc_info=error)
        raise problems.UnsuitableModel(_sentence("Not loaded", error), hint=error.hint) from error
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise problems.OutOfMemory(f"There is not enough memory to load {model}.") from error


def _ignore(received: int, total: int | None) -> None:
    pass


def _sentence(start: str, error: Exception) -> str:
    """An exception's message on one line."""
    return f"{start}: {' '.join(str(error).split()).rstrip('.')}."
