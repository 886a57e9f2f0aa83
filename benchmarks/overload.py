"""A server under four times its capacity, and with greedy clients.

Photos arrive at a fixed rate from several addresses of this machine, whether or not earlier ones
were answered, at four times the server's best rate. Reported are the answers per second relative to
that best, the latency of a refusal (429), and of /healthz, requested by a separate process. Then 24
clients keep a slow network busy beside one client with a fast one. The load runs on the same cores,
so results on a small machine are pessimistic.
"""

from __future__ import annotations

import http.client
import itertools
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from benchmarks.request import MODEL, photos
from benchmarks.serving import started
from benchmarks.timing import table

SECONDS = 6.0
ROUNDS = 3
TIMES = 4
CLIENTS = 8
REFUSED_S = 0.2
"""How long a closed-loop client waits after a refusal."""
SLOW, QUICK = MODEL, "se_resnet"

PROBE = """
import http.client, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
end = time.monotonic() + seconds
while time.monotonic() < end:
    began = time.perf_counter()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    print(1000 * (time.perf_counter() - began))
    time.sleep(0.02)
"""


class Answer(NamedTuple):
    """ms: from sending the request to the complete answer."""

    status: int
    ms: float


class Client:
    """Connections from one address of this machine, one per thread."""

    def __init__(self, port: int, address: str) -> None:
        self.port, self.address, self.here = port, address, threading.local()

    def post(self, photo: bytes, model: str) -> Answer:
        """One photo, on a persistent connection."""
        began = time.perf_counter()
        try:
            connection = self.here.connection
        except AttributeError:
            connection = self.here.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=60, source_address=(self.address, 0)
            )
        kind = {"Content-Type": "image/jpeg"}
        connection.request("POST", f"/v1/analyses?model={model}", photo, kind)
        answer = connection.getresponse()
        answer.read()
        return Answer(answer.status, 1000 * (time.perf_counter() - began))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this fraction of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def closed(client: Client, photo: itertools.cycle[bytes], clients: int, model: str) -> list[Answer]:
    """Each client sends its next request when it is answered, or shortly after a refusal."""
    end, answers = time.monotonic() + SECONDS, list[Answer]()

    def one() -> None:
        while time.monotonic() < end:
            answers.append(client.post(next(photo), model))
            if answers[-1].status == 429:
                time.sleep(REFUSED_S)

    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def open_loop(
    clients: Sequence[Client], photo: itertools.cycle[bytes], rate: float
) -> tuple[list[Answer], float]:
    """(answers to `rate` photos a second, seconds until the last of them)."""
    began = time.monotonic()
    with ThreadPoolExecutor(96) as pool:
        asked = []
        for number in range(int(rate * SECONDS)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            asked.append(pool.submit(clients[number % len(clients)].post, next(photo), MODEL))
        return [one.result() for one in asked], time.monotonic() - began


def good(answers: Sequence[Answer]) -> int:
    """Photos that were answered successfully."""
    return sum(answer.status in (200, 201) for answer in answers)


def overload(port: int, photo: itertools.cycle[bytes]) -> list[str]:
    """One round: at the best rate, then at four times that; a row of the table."""
    several = [Client(port, f"127.0.0.{n + 2}") for n in range(CLIENTS)]
    best = good(closed(several[0], photo, 4, MODEL)) / SECONDS
    probe = subprocess.Popen(
        [sys.executable, "-c", PROBE, str(port), str(SECONDS)], stdout=subprocess.PIPE, text=True
    )
    answers, seconds = open_loop(several, photo, TIMES * best)
    health = [float(line) for line in probe.communicate()[0].split()]
    refused = [answer.ms for answer in answers if answer.status == 429]
    rate = good(answers) / seconds
    others = len(answers) - good(answers) - len(refused)
    return [
        f"{best:.1f}/s", f"{rate:.1f}/s", f"{rate / best:.2f}", f"{len(refused)}", f"{others}",
        f"{percentile(refused, 0.5):.0f}, {percentile(refused, 0.99):.0f} ms",
        f"{percentile(health, 0.5):.0f}, {percentile(health, 0.99):.0f} ms",
    ]  # fmt: skip


HEADER = (
    "at best", f"of {TIMES} × as many", "ratio", "refused", "neither", "refusal p50, p99",
    "/healthz p50, p99",
)  # fmt: skip


def neighbours(port: int, photo: itertools.cycle[bytes]) -> list[str]:
    """A fast network's client alone, and beside 24 clients on a slow one."""
    greedy, modest = Client(port, "127.0.0.9"), Client(port, "127.0.0.1")
    alone = [one.ms for one in closed(modest, photo, 1, QUICK)]
    busy = threading.Thread(target=lambda: closed(greedy, photo, 24, SLOW))
    busy.start()
    time.sleep(1.0)
    beside = [modest.post(next(photo), QUICK) for _ in range(10)]
    busy.join()
    waits = [one.ms for one in beside if one.status == 201]
    return [
        f"{statistics.median(alone):.0f} ms", f"{statistics.median(waits):.0f} ms",
        f"{max(waits):.0f} ms", f"{len(beside) - len(waits)}",
    ]  # fmt: skip


def main() -> None:
    """Print both tables."""
    source = photos()
    photo = itertools.cycle([next(source) for _ in range(250)])
    settings = {"FOVEA_TRACE_BUDGET_BYTES": "1", "FOVEA_TRUSTED_PROXIES": "10.9.9.9"}
    with started(["-m", "fovea", "serve"], "/readyz", **settings) as port:
        for model in (SLOW, QUICK):
            Client(port, "127.0.0.1").post(next(photo), model)
        rows = [overload(port, photo) for _ in range(ROUNDS)]
        fair = [neighbours(port, photo) for _ in range(ROUNDS)]
    print(table(HEADER, rows))
    print()
    print(
        table(("alone", f"beside 24 clients of {SLOW.split('.')[0]}", "at most", "refused"), fair)
    )


if __name__ == "__main__":
    main()
