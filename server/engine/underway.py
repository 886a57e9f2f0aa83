"""Runs concurrent equal requests once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Making:
    """A computation in progress and the number of its waiters."""

    task: asyncio.Task[Any]
    waiters: int = 0


class Underway:
    """Computations in progress by key. Used from the event loop."""

    def __init__(self) -> None:
        self._making: dict[str, _Making] = {}

    def __len__(self) -> int:
        return len(self._making)

    async def once(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `make`, run once for all waiters; cancelled when the last one leaves."""
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = _Making(asyncio.create_task(make()))
        making.waiters += 1
        try:
            made: T = await asyncio.shield(making.task)
            return made
        finally:
            making.waiters -= 1
            if not making.waiters:
                # Later requests start anew rather than join a computation that is being cancelled.
                del self._making[key]
                making.task.cancel()

    async def ended(self, limit_s: float) -> None:
        """Waits for all of them, up to the timeout."""
        if tasks := [making.task for making in self._making.values()]:
            await asyncio.wait(tasks, timeout=limit_s)
