"""Photos per second: the server, a plain FastAPI application, and the machine's limit.

Closed loop with 1, 4 and 16 clients. The plain application is what an engineer would write in an
afternoon: a thread pool, hooks on timm's attention with its fused path off, the same preprocessing
and weights, a map of the last layer in its answer. The limits are a single-process loop that
decodes, preprocesses, runs the network under capture and builds the same answer without HTTP, and
the bare forward pass.

Contenders alternate in turns of two seconds, and ratios are medians over rounds of the ratio within
a round, so that other load on the machine affects all alike. Photos per second of the server's own
CPU time are reported too, since clients share the cores with the servers. Linux only for that
reason.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import torch

from benchmarks.request import MODEL, photos
from benchmarks.timing import table
from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.spec import LoadedModel
from fovea.models.running.inference import run
from fovea.server.answers.subject import subject_of
from fovea.server.engine.conclude import conclude, learn_of, to_input
from fovea.server.engine.inference import Outcome
from fovea.server.intake.imaging import Photo, decode
from fovea.server.wire import schemas

CLIENTS = (1, 4, 16)
SECONDS = 2.0
ROUNDS = 5
START_S = 120


@contextmanager
def started(command: list[str], ready: str, **environment: str) -> Iterator[int]:
    """A server in its own process; returns its port."""
    with server(command, ready, **environment) as (port, _):
        yield port


@contextmanager
def server(command: list[str], ready: str, **environment: str) -> Iterator[tuple[int, int]]:
    """A server in its own process; (its port, the process)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "FOVEA_PORT": str(port), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", ready)
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.2)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def goodput(port: int, path: str, clients: int, files: list[bytes]) -> tuple[float, float]:
    """(photos answered per second, median seconds of an answer)."""
    end = time.monotonic() + SECONDS
    taken: list[float] = []
    turn = iter(range(1 << 30))

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() < end:
            started = time.perf_counter()
            headers = {"Content-Type": "image/jpeg"}
            connection.request("POST", path, files[next(turn) % len(files)], headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status in (200, 201):
                taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken) / (time.monotonic() - began), statistics.median(taken or [float("nan")])


def cpu_seconds(process: int | None = None) -> float:
    """CPU seconds of all threads of a process, by default this one."""
    if process is None:
        return time.process_time()
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Throughput(NamedTuple):
    """per_cpu: photos per second of the contender's own CPU time."""

    rate: float
    per_cpu: float
    wait_s: float


def of_server(process: int, port: int, path: str, clients: int, files: list[bytes]) -> Throughput:
    """One turn of a server."""
    before, began = cpu_seconds(process), time.monotonic()
    rate, wait = goodput(port, path, clients, files)
    count = rate * (time.monotonic() - began)
    return Throughput(rate, count / max(1e-3, cpu_seconds(process) - before), wait)


def of_loop(work: Callable[[], object]) -> Throughput:
    """One turn of a sequential loop."""
    count, before, began = 0, cpu_seconds(), time.monotonic()
    while time.monotonic() < began + SECONDS:
        work()
        count += 1
    seconds = time.monotonic() - began
    return Throughput(count / seconds, count / (cpu_seconds() - before), seconds / count)


def limits(files: list[bytes]) -> tuple[Callable[[], object], Callable[[], object]]:
    """(a bare forward pass, a photo decoded, captured and encoded)."""
    loaded = Catalog(Path(os.environ.get("FOVEA_WEIGHTS_DIR", "."))).load(MODEL)
    wanted = loaded.spec.preprocessing
    assert wanted is not None
    turn, answer = iter(range(1 << 30)), answering(loaded)

    def whole() -> None:
        answer(decode(files[next(turn) % len(files)], 1 << 26))

    inputs = torch.zeros(1, 3, *wanted.crop_px)

    def bare() -> None:
        with torch.inference_mode():
            loaded.module(inputs)

    bare()
    whole()
    return bare, whole


def answering(loaded: LoadedModel) -> Callable[[Photo], bytes]:
    """What looks at a decoded photo as the server does and makes the same answer, without HTTP."""
    learned = dict[str, Any]()

    def answer(photo: Photo) -> bytes:
        inputs, geometry = to_input(photo, loaded.spec)
        logits, traces = run(loaded.module, inputs, loaded.layouts)
        outcome = Outcome(logits[0], traces[0], 0.0, 0.0, 1)
        kept = conclude("0" * 20, photo, loaded, geometry, outcome, {})
        if not learned:
            learned["of"] = learn_of(kept, loaded, inputs)
        return orjson.dumps(schemas.analysis(kept, subject_of(kept, learned["of"])))

    return answer


def main() -> None:
    """Print the table."""
    source = photos()
    files = [next(source) for _ in range(250)]
    # Each round sends other photos, so that none is answered from the store.
    kept = {"FOVEA_TRACE_BUDGET_BYTES": "1"}
    fovea, path = ["-m", "fovea", "serve"], f"/v1/analyses?model={MODEL}"
    plain = ["-m", "benchmarks.plain_server"]
    bare, whole = limits(files)
    rows: dict[tuple[str, int], list[Throughput]] = {}
    base: dict[str, list[Throughput]] = {}
    with ExitStack() as stack:

        def start(command: list[str], ready: str, **settings: str) -> tuple[int, int]:
            return stack.enter_context(server(command, ready, **settings))

        servers = {
            "fovea": (path, *start(fovea, "/readyz", **kept)),
            "fovea, FOVEA_MAX_BATCH=8": (
                path,
                *start(fovea, "/readyz", FOVEA_MAX_BATCH="8", **kept),
            ),
            "plain FastAPI": ("/analyse", *start(plain, "/healthz")),
        }
        for where, port, _ in servers.values():
            goodput(port, where, 4, files)
        for _ in range(ROUNDS):
            for name, work in (("bare forward", bare), ("loop without HTTP", whole)):
                base.setdefault(name, []).append(of_loop(work))
            for clients in CLIENTS:
                for name, (where, port, process) in servers.items():
                    turn = of_server(process, port, where, clients, files)
                    rows.setdefault((name, clients), []).append(turn)
    print(f"{MODEL}, {torch.get_num_threads()} cores, clients on the same; {ROUNDS} rounds\n")
    lines = [_line(name, "", found, base["bare forward"], None) for name, found in base.items()]
    for (name, clients), found in rows.items():
        peer = rows["plain FastAPI", clients]
        lines.append(_line(name, str(clients), found, base["bare forward"], peer))
    print(table(HEADER, lines))


HEADER = (
    "what", "clients", "photos/s", "/ bare forward", "/ plain FastAPI", "photos/CPU s",
    "/ plain FastAPI", "median",
)  # fmt: skip


def _line(
    name: str,
    clients: str,
    found: list[Throughput],
    bare: list[Throughput],
    plain: list[Throughput] | None,
) -> list[str]:
    def ratio(own: str, others: list[Throughput] | None) -> str:
        if others is None:
            return ""
        pairs = zip(found, others, strict=True)
        return f"{statistics.median(getattr(a, own) / getattr(b, own) for a, b in pairs):.2f}"

    rate, per_cpu, wait = (statistics.median(one) for one in zip(*found, strict=True))
    return [
        name, clients, f"{rate:.1f}", ratio("rate", bare), ratio("rate", plain), f"{per_cpu:.1f}",
        ratio("per_cpu", plain), f"{1000 * wait:.0f} ms",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
