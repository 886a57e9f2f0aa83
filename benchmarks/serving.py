"""Photos a second: the server, a plain FastAPI application, and what the machine can do at most.

Closed loop with 1, 4 and 16 clients, in turns. The plain application does what a good engineer
would write in an afternoon: a pool of threads, hooks on timm's attention with its fused path off,
the same preprocessing and weights, a map of the last layer in its answer. The limits are a loop in
one process that decodes, preprocesses, runs the network under capture and makes the same answer
without HTTP, and the bare forward pass alone. Clients share the machine with the server.
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
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image

from benchmarks.request import MODEL, photos
from benchmarks.timing import table
from fovea.models.catalog.catalog import Catalog
from fovea.models.preprocessing import prepare
from fovea.models.running.inference import run

CLIENTS = (1, 4, 16)
SECONDS = 4.0
ROUNDS = 3
START_S = 120


@contextmanager
def started(command: list[str], ready: str, **environment: str) -> Iterator[int]:
    """A server in a process of its own; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = subprocess.Popen(
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
        yield port
    finally:
        server.terminate()
        server.wait(30)


def goodput(port: int, path: str, clients: int, files: list[bytes]) -> tuple[float, float]:
    """(photos answered a second, median seconds of an answer)."""
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


def a_second(work: Callable[[], object]) -> float:
    """How often something can be done in a second, one after the other."""
    work()
    count, end, began = 0, time.monotonic() + SECONDS, time.monotonic()
    while time.monotonic() < end:
        work()
        count += 1
    return count / (time.monotonic() - began)


def limits(files: list[bytes]) -> tuple[float, float]:
    """(bare forward passes a second, decoded, captured and told photos a second)."""
    import io

    import numpy as np

    weights = os.environ.get("FOVEA_WEIGHTS_DIR")
    loaded = Catalog(Path(weights) if weights else None).load(MODEL)
    assert loaded.spec.preprocessing is not None
    wanted = loaded.spec.preprocessing
    turn = iter(range(1 << 30))

    def whole() -> None:
        data = files[next(turn) % len(files)]
        pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        inputs, _ = prepare(torch.from_numpy(pixels).permute(2, 0, 1), wanted)
        logits, traces = run(loaded.module, inputs, loaded.layouts)
        logits[0].softmax(-1).topk(5)
        repr([site.id for site in traces[0].sites])

    inputs = torch.zeros(1, 3, *wanted.crop_px)
    with torch.inference_mode():
        return a_second(lambda: loaded.module(inputs)), a_second(whole)


def main() -> None:
    """Print the table."""
    source = photos()
    files = [next(source) for _ in range(250)]
    # Each round sends other photos, so that none is answered from the store.
    fovea = ["-m", "fovea", "serve"]
    plain = ["-m", "benchmarks.plain_server"]
    rows: dict[tuple[str, int], list[tuple[float, float]]] = {}
    bare, told = limits(files)
    settings = {"FOVEA_TRACE_BUDGET_BYTES": "1"}
    with started(fovea, "/readyz", **settings) as ours, started(plain, "/healthz") as theirs:
        for _ in range(ROUNDS):
            for clients in CLIENTS:
                for name, port, path in (
                    ("fovea", ours, f"/v1/analyses?model={MODEL}"),
                    ("plain FastAPI", theirs, "/analyse"),
                ):
                    rows.setdefault((name, clients), []).append(goodput(port, path, clients, files))
    print(f"{MODEL}, {torch.get_num_threads()} cores, clients on the same; {ROUNDS} rounds\n")
    lines = []
    for (name, clients), found in rows.items():
        rate = statistics.median(r for r, _ in found)
        wait = statistics.median(s for _, s in found)
        lines.append(
            [name, str(clients), f"{rate:.1f}", f"{rate / bare:.2f}", f"{rate / told:.2f}",
             f"{1000 * wait:.0f} ms"]
        )  # fmt: skip
    header = ("server", "clients", "photos/s", "/ bare forward", "/ loop without HTTP", "median")
    print(table(header, lines))
    print(f"\nbare forward {bare:.1f}/s; loop that decodes, captures and tells {told:.1f}/s")


if __name__ == "__main__":
    main()
