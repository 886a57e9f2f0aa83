"""Replicas on Ray: photos per second of two against one, and four times too many of them.

One replica and two, of one core each, take turns in one cluster; the single process, with both
cores and the same photo store, takes turns with them. The photos are sent by this process, on the
same cores. Needs Ray: `make apart`, then `build/apart/bin/python -m benchmarks cluster`.
"""

from __future__ import annotations

import itertools
import os
import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

from benchmarks import overload
from benchmarks.request import MODEL, photos
from benchmarks.serving import started
from benchmarks.timing import table
from fovea.server.cluster.options import Options
from fovea.server.settings import Settings, load

NEEDS_RAY = "Ray is not installed here: make apart, then build/apart/bin/python -m benchmarks …"
ROUNDS = 3
CLIENTS = 8
ONE = Options(cores=1.0)
TWO = replace(ONE, fewest=2, most=2)


@contextmanager
def cluster(settings: Settings) -> Iterator[None]:
    """Two replicas on a Ray of this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from fovea.server.cluster import ray_serve

    try:
        ray_serve.start(settings, TWO, num_cpus=max(2, os.cpu_count() or 1))
        yield
    finally:
        ray_serve.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def rate(port: int, photo: itertools.cycle[bytes], clients: int) -> float:
    """Photos per second in a closed loop."""
    client = overload.Client(port, "127.0.0.1")
    return overload.good(overload.closed(client, photo, clients, MODEL)) / overload.SECONDS


def main() -> None:
    """Print both tables."""
    if find_spec("ray") is None:
        print(NEEDS_RAY)
        return
    source = photos()
    photo = itertools.cycle([next(source) for _ in range(250)])
    with tempfile.TemporaryDirectory() as folder:
        store = {"FOVEA_PHOTO_STORE": f"file://{folder}", "FOVEA_TRACE_BUDGET_BYTES": "1"}
        settings = load(port=free_port(), photo_store=f"file://{folder}", trace_budget_bytes=1)
        rates: dict[str, list[float]] = {}
        with (
            started(["-m", "fovea", "serve"], "/readyz", **store) as alone,
            cluster(settings),
        ):
            from fovea.server.cluster import ray_serve

            for name, options in (("two", TWO), ("one", ONE)) * ROUNDS:
                ray_serve.deploy(settings, options)
                rate(settings.port, photo, CLIENTS)  # Each replica has loaded the network.
                for clients in (1, CLIENTS):
                    found = rate(settings.port, photo, clients)
                    rates.setdefault(f"{name} of one core, {clients} clients", []).append(found)
                if name == "two":
                    for clients in (1, CLIENTS):
                        single = f"one process, {clients} clients"
                        rates.setdefault(single, []).append(rate(alone, photo, clients))
            lines = [
                (name, f"{statistics.median(found):.1f}", ", ".join(f"{r:.1f}" for r in found))
                for name, found in rates.items()
            ]
            print(table(("replicas", "photos/s", "rounds"), lines))
            pairs = zip(
                rates[f"two of one core, {CLIENTS} clients"],
                rates[f"one of one core, {CLIENTS} clients"],
                strict=True,
            )
            print(f"\ntwo over one: {statistics.median(two / one for two, one in pairs):.2f}\n")
            ray_serve.deploy(settings, TWO)
            rate(settings.port, photo, CLIENTS)
            crowds = [overload.overload(settings.port, photo) for _ in range(ROUNDS)]
    print(table(overload.HEADER, crowds))


if __name__ == "__main__":
    main()
