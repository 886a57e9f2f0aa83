"""What is being made, once for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Making:
    """An analysis or a map in the making, and how many wait for it."""

    task: asyncio.Task[Any]
    waiters: int = 0


class Underway:
    """By key. Used from the event loop."""

    def __init__(self) -> None:
        self._making: dict[str, _Making] = {}

    def __len__(self) -> int:
        return len(self._making)

    async def once(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `make` gives, run once for all who wait; cancelled when the last of them leaves."""
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
                # Whoever asks from now on begins anew rather than joins what is being cancelled.
                del self._making[key]
                making.task.cancel()

    async def ended(self, limit_s: float) -> None:
        """Waits for all of it, so long at most."""
        if tasks := [making.task for making in self._making.values()]:
            await asyncio.wait(tasks, timeout=limit_s)
