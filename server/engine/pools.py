"""Thread pools that make answers: few threads for pictures, which take long, and others for the
rest.

The page's files are served from a third pool, Starlette's. All belong to the process and outlive a
server.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from fovea.models.tracing.stopping import stoppable
from fovea.server.engine.threads import ALL_CORES, use_one_core

T = TypeVar("T")

MOST = 4

ANSWERS = ThreadPoolExecutor(
    max(2, min(MOST, ALL_CORES)), thread_name_prefix="answer", initializer=use_one_core
)
DRAWING = ThreadPoolExecutor(
    max(1, min(MOST, ALL_CORES)), thread_name_prefix="draw", initializer=use_one_core
)


async def run(pool: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    """Runs `function` in a pool. A cancelled caller's work leaves the pool's queue, or stops at its
    next `check` (models/tracing/stopping.py).
    """
    left = threading.Event()

    context = copy_context()

    def work() -> T:
        with stoppable(left.is_set):
            return context.run(function, *arguments)

    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
    finally:
        left.set()
