"""Loaded networks: each is loaded once, however many ask for it, and the least used make room.

Used from the event loop; the loading itself is done by a thread.
"""

from __future__ import annotations

import asyncio
import errno
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import torch

from models import weights
from models.catalog import Catalog, UnknownModel
from models.spec import LoadedModel, ModelSpec
from server import errors
from server.threads import use_one_core

LOADERS = 2


class Shelf:
    """The networks in memory, within a budget of bytes; the newest is kept in any case."""

    def __init__(self, catalog: Catalog, device: torch.device, budget_bytes: int) -> None:
        self.catalog, self.device, self.budget_bytes = catalog, device, budget_bytes
        self._threads = ThreadPoolExecutor(
            LOADERS, thread_name_prefix="load", initializer=use_one_core
        )
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        self._loading: dict[str, asyncio.Task[LoadedModel]] = {}
        self._received: dict[str, tuple[int, int | None]] = {}
        self._aliases: dict[str, str] = {}

    async def get(self, model: str) -> LoadedModel:
        """The network of this name, loaded if need be; raises a Problem where it cannot be."""
        model = self._aliases.get(model) or await self._resolve(model)
        if model in self._loaded:
            self._loaded.move_to_end(model)
            return self._loaded[model]
        if model not in self._loading:
            self._loading[model] = asyncio.create_task(self._load(model))
        # Shielded: one waiter that gives up does not spoil it for the others.
        return await asyncio.shield(self._loading[model])

    def loaded(self, model: str) -> LoadedModel | None:
        return self._loaded.get(model)

    def loading(self, model: str) -> bool:
        return model in self._loading

    def received(self, model: str) -> tuple[int, int | None] | None:
        """(bytes received, bytes in total or None) of a download under way."""
        return self._received.get(model)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _resolve(self, model: str) -> str:
        """The id of the model that is also known by this name."""
        spec = await asyncio.to_thread(find, self.catalog, model)
        self._aliases[model] = spec.id
        return spec.id

    async def _load(self, model: str) -> LoadedModel:
        loop = asyncio.get_running_loop()
        try:
            loaded = await loop.run_in_executor(self._threads, self._load_now, model)
        finally:
            del self._loading[model]
            self._received.pop(model, None)
        self._loaded[model] = loaded
        while len(self._loaded) > 1 and self._nbytes() > self.budget_bytes:
            self._loaded.popitem(last=False)
        return loaded

    def _load_now(self, model: str) -> LoadedModel:
        def progress(received: int, total: int | None) -> None:
            self._received[model] = (received, total)

        try:
            return self.catalog.load(model, self.device, progress)
        except weights.ModelNotLocal as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC:
                raise errors.DiskFull(f"There is no room for the weights of {model}.") from error
            raise errors.ModelNotLocal(_sentence("Not here", error), hint=error.hint) from error
        except weights.CorruptWeights as error:
            raise errors.CorruptWeights(_sentence("Not loaded", error), hint=error.hint) from error
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise errors.OutOfMemory(f"There is not enough memory to load {model}.") from error

    def _nbytes(self) -> int:
        return sum(
            tensor.nbytes
            for loaded in self._loaded.values()
            for tensor in (*loaded.module.parameters(), *loaded.module.buffers())
        )


def find(catalog: Catalog, model: str) -> ModelSpec:
    """The row of the catalogue; raises a Problem that lists close names."""
    try:
        return catalog.spec(model)
    except UnknownModel as error:
        here = [spec.id for spec in catalog.listed()]
        known = list(dict.fromkeys([*here, *error.known]))
        raise errors.UnknownModel(
            f"There is no model {model[:100]!r}. Known: {', '.join(known)}.", known=known
        ) from error


def _sentence(start: str, error: Exception) -> str:
    """On one line, whatever the libraries below put into their messages."""
    return f"{start}: {' '.join(str(error).split()).rstrip('.')}."
