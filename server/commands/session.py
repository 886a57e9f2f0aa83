"""The server's engine inside a command, without a server."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    from fovea.models.catalog.catalog import Catalog
    from fovea.models.catalog.spec import LoadedModel
    from fovea.server.engine.engine import Engine
    from fovea.server.settings import Settings

LOOK_EVERY_S = 0.1
AHEAD = 2
"""Photos that are read, decoded or drawn while the network processes another."""

W = TypeVar("W")
T = TypeVar("T")


@asynccontextmanager
async def looking(catalog: Catalog, settings: Settings) -> AsyncIterator[Engine]:
    """An engine that closes with the block."""
    from fovea.server.engine.engine import Engine

    # The command reports errors itself, so the server's log stays silent.
    log = logging.getLogger("fovea")
    level = log.level
    log.setLevel(logging.CRITICAL)
    # One pass at a time on all cores: the same photo gives the same bits every time.
    alone = settings.model_copy(update={"inference_threads": 1})
    engine = Engine(catalog, alone, warm_up=False)
    try:
        yield engine
    finally:
        await engine.close()
        log.setLevel(level)


async def loaded(engine: Engine, model: str) -> LoadedModel:
    """Loads the network, with a progress bar during a download; raises a Problem."""
    from fovea.server.engine.shelf import find

    model = (await asyncio.to_thread(find, engine.catalog, model)).id
    loading = asyncio.ensure_future(engine.shelf.get(model))
    bar: tqdm[None] | None = None
    while not loading.done():
        await asyncio.wait({loading}, timeout=LOOK_EVERY_S)
        job = engine.shelf.downloading(model)
        if job is not None and job.meter.total and not loading.done():
            if bar is None:
                bar = tqdm(
                    total=job.meter.total, unit="B", unit_scale=True, desc=model, disable=None
                )
            bar.update(job.meter.received - bar.n)
    if bar is not None:
        bar.close()
    return await loading


async def overlapping(
    work: Iterable[W], make: Callable[[W], Coroutine[Any, Any, T]]
) -> AsyncIterator[tuple[W, asyncio.Task[T]]]:
    """Yields each item with its finished task, in order. A few later tasks run ahead; they are
    cancelled if the caller stops.
    """
    under_way: deque[tuple[W, asyncio.Task[T]]] = deque()
    rest = iter(work)
    try:
        while True:
            while len(under_way) <= AHEAD:
                if (one := next(rest, None)) is None:
                    break
                under_way.append((one, asyncio.create_task(make(one))))
            if not under_way:
                return
            await asyncio.wait({under_way[0][1]})
            yield under_way.popleft()
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
