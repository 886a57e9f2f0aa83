"""An engine for a command: the server's own, without a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from fovea.models.catalog.catalog import Catalog
    from fovea.models.catalog.spec import LoadedModel
    from fovea.server.engine.engine import Engine
    from fovea.server.settings import Settings

LOOK_EVERY_S = 0.1


@asynccontextmanager
async def looking(catalog: Catalog, settings: Settings) -> AsyncIterator[Engine]:
    """An engine that ends with the block."""
    from fovea.server.engine.engine import Engine

    # What goes wrong is told as a sentence; the server's log has nothing to add for a person here.
    log = logging.getLogger("fovea")
    level = log.level
    log.setLevel(logging.CRITICAL)
    # One pass at a time, with all cores: the same photo gives the same bits every time.
    alone = settings.model_copy(update={"inference_threads": 1})
    engine = Engine(catalog, alone, warm_up=False)
    try:
        yield engine
    finally:
        await engine.close()
        log.setLevel(level)


async def loaded(engine: Engine, model: str) -> LoadedModel:
    """The network, with a progress bar while its weights are downloaded; raises a Problem."""
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
