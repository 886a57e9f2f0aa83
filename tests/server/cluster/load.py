"""Clients that ask on and on, and the processes of Ray that a test ends meanwhile."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from time import sleep

import httpx

from fovea.server.cluster.options import APPLICATION
from tests.server.cluster.asking import Answer, Question, answer

REPLICA, PROXY = f"ServeReplica:{APPLICATION}:Replica", "ProxyActor"


def pids(title: str) -> dict[int, list[int]]:
    """The processes of this machine that Ray has given this title, with their children."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cmdline").read_bytes().startswith(f"ray::{title}".encode()):
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
                parents[int(path.name)] = int(parent)
        except OSError:
            pass  # It has just ended.
    return {
        pid: [pid, *(child for child in parents if parents[child] == pid)]
        for pid in parents
        if parents[pid] not in parents
    }


def kill(processes: list[int]) -> None:
    """As an operating system that is out of memory does."""
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


class Load:
    """Clients that ask one question after the other, until there were so many or the block ends.

    statuses: of all answers, and the names of what broke. refused: answers that were none, with
    their questions. found: all good answers to each question.
    """

    def __init__(
        self,
        client: httpx.Client,
        questions: Sequence[Question],
        clients: int = 4,
        most: int | None = None,
    ) -> None:
        self.url, self.questions, self.clients = client.base_url, questions, clients
        self.statuses: Counter[int | str] = Counter()
        self.refused: list[tuple[Question, httpx.Response]] = []
        self.found: dict[Question, set[Answer]] = {}
        self._numbers: Iterator[int] = iter(count() if most is None else range(most))
        self._lock, self._end = threading.Lock(), threading.Event()
        self._whole = most is not None

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *broken: object) -> None:
        if not self._whole or broken[0] is not None:
            self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=120) as client:
            last: list[httpx.Response] = []
            client.event_hooks["response"] = [last.append]
            while not self._end.is_set():
                with self._lock:
                    number = next(self._numbers, None)
                if number is None:
                    return
                asked = self.questions[number % len(self.questions)]
                try:
                    found = answer(client, asked)
                except httpx.TransportError as error:
                    with self._lock:
                        self.statuses[type(error).__name__] += 1
                    sleep(0.05)
                    continue
                with self._lock:
                    self.statuses[found.status] += 1
                    if found.status < 400:
                        self.found.setdefault(asked, set()).add(found)
                    else:
                        self.refused.append((asked, last[-1]))
