"""Fair queueing: round-robin over networks, and for each network over the clients that wait.

Many clients on a slow network do not block one on a fast network, and a client with a hundred
requests does not block one with a single request. Used under the inference threads' lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from typing import Generic, TypeVar

CLIENT: ContextVar[str] = ContextVar("client", default="")
"""The client as far as the server can tell: an address; empty for the server itself."""

T = TypeVar("T")


class Turns(Generic[T]):
    """Nested queues: network → client → jobs in order of arrival."""

    def __init__(self) -> None:
        self._networks: OrderedDict[Hashable, OrderedDict[Hashable, deque[T]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """In the order of taking, provided nothing is added or taken meanwhile."""
        rounds = [_round_robin(list(clients.values())) for clients in self._networks.values()]
        return iter(_round_robin([list(jobs) for jobs in rounds]))

    def add(self, network: Hashable, client: Hashable, job: T) -> None:
        """Appends to this client's queue."""
        clients = self._networks.setdefault(network, OrderedDict())
        clients.setdefault(client, deque()).append(job)
        self._count += 1

    def take(
        self, wanted: Callable[[T], bool], most: int, mates: Callable[[T, T], bool]
    ) -> list[T]:
        """The first job that is `wanted`, and up to `most` jobs in all that can be batched with it;
        may be empty.

        mates: whether the second job can be batched with the first.
        """
        first = next((job for job in self if wanted(job)), None)
        if first is None:
            return []
        taken = [job for job in self if mates(first, job)][:most]
        for job in taken:
            self._remove(job)
        return taken

    def _remove(self, job: T) -> None:
        for network, clients in self._networks.items():
            for client, jobs in clients.items():
                if job in jobs:
                    jobs.remove(job)
                    self._count -= 1
                    # The client and network that were served move to the end.
                    clients.move_to_end(client)
                    self._networks.move_to_end(network)
                    if not jobs:
                        del clients[client]
                    if not clients:
                        del self._networks[network]
                    return


def _round_robin(queues: list[deque[T]] | list[list[T]]) -> list[T]:
    """One of each in turn until all are empty."""
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
