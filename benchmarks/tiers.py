"""One tier or two on Ray: a photo decoded where it is looked at, or sent on by an ingress.

Both do the same work (decode, preprocess, forward pass with capture, the answer as JSON) with the
same two cores: two whole replicas, or an ingress that decodes and hands the pixels to a looker by
a deployment handle. No server of ours is in the way, so the difference is that of the tiers. CPU
time is that of all processes of Ray, and depends little on what else the machine does. Then what
each further answer would cost that an ingress drew from a looker's array.
Needs Ray: `make apart`, then `build/apart/bin/python -m benchmarks tiers`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import overload
from benchmarks.cluster import CLIENTS, NEEDS_RAY, free_port
from benchmarks.request import MODEL, photos
from benchmarks.timing import table

ROUNDS = 3
HOPS = 200
ARRAYS = {
    "a map, 14 × 14": (14, 14),
    "a layer's attention, 3 × 197 × 197": (3, 197, 197),
    "a trace of 12 such layers": (12, 3, 197, 197),
}


def cpu_seconds() -> float:
    """Of all of Ray's workers on this machine."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cmdline").read_bytes().startswith(b"ray::"):
                fields = (path / "stat").read_text().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass  # It has just ended.
    return total


class Network:
    """The whole work on a photo, as one process does it."""

    def __init__(self) -> None:
        import torch

        from benchmarks.serving import answering
        from fovea.models.catalog.catalog import Catalog

        torch.set_num_threads(1)
        catalog = Catalog(Path(os.environ.get("FOVEA_WEIGHTS_DIR", ".")))
        self._answer = answering(catalog.load(MODEL))

    def answer(self, photo: Any) -> bytes:
        """photo: as `decode` gives it."""
        return self._answer(photo)


class Whole:
    """One tier."""

    def __init__(self) -> None:
        self.network = Network()

    async def __call__(self, request: Any) -> Any:
        from starlette.responses import Response

        body = await request.body()
        return Response(await asyncio.to_thread(self._look, body), 201)

    def _look(self, body: bytes) -> bytes:
        from fovea.server.intake.imaging import decode

        return self.network.answer(decode(body, 1 << 26))


class Looker:
    """The second of two tiers."""

    def __init__(self) -> None:
        self.network = Network()

    async def look(self, photo: Any) -> bytes:
        """A photo's answer."""
        return await asyncio.to_thread(self.network.answer, photo)

    async def array(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """As it would hand one to an ingress that draws it."""
        return np.zeros(shape, np.float32)


class Ingress:
    """The first of two tiers."""

    def __init__(self, looker: Any) -> None:
        self.looker = looker

    async def __call__(self, request: Any) -> Any:
        from starlette.responses import Response

        from fovea.server.intake.imaging import decode

        if request.method == "GET":
            shape = tuple(map(int, request.query_params["shape"].split(",")))
            return Response(str(await self._hops(shape)))
        photo = await asyncio.to_thread(decode, await request.body(), 1 << 26)
        return Response(await self.looker.look.remote(photo), 201)

    async def _hops(self, shape: tuple[int, ...]) -> float:
        """Milliseconds, median."""
        taken = []
        for _ in range(HOPS):
            began = time.perf_counter()
            await self.looker.array.remote(shape)
            taken.append(1000 * (time.perf_counter() - began))
        return statistics.median(taken)


def main() -> None:
    """Print the tables."""
    if find_spec("ray") is None:
        print(NEEDS_RAY)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import httpx
    import ray
    from ray import serve

    source = photos()
    photo = itertools.cycle([next(source) for _ in range(100)])
    port = free_port()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})

    def deployment(kind: type, count: int, cores: float = 1.0) -> Any:
        return serve.deployment(
            kind, name=kind.__name__, num_replicas=count, max_ongoing_requests=16,
            ray_actor_options={"num_cpus": cores},
        )  # fmt: skip

    tiers = {
        "one tier, 2 replicas": deployment(Whole, 2).bind(),
        "two tiers, 1 ingress and 1 looker": deployment(Ingress, 1).bind(
            deployment(Looker, 1).bind()
        ),
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in tiers}
    client = overload.Client(port, "127.0.0.1")
    try:
        for name in list(tiers) * ROUNDS:
            serve.run(tiers[name], route_prefix="/")
            overload.closed(client, photo, CLIENTS, MODEL)
            alone = [one.ms for one in overload.closed(client, photo, 1, MODEL)]
            before = cpu_seconds()
            count = overload.good(overload.closed(client, photo, CLIENTS, MODEL))
            cpu = 1000 * (cpu_seconds() - before) / count
            found[name].append((statistics.median(alone), count / overload.SECONDS, cpu))
        rows = [
            (name, *(f"{statistics.median(column):.1f}" for column in zip(*rounds, strict=True)))
            for name, rounds in found.items()
        ]
        header = ("", "ms, 1 client", f"photos/s, {CLIENTS} clients", "CPU ms a photo")
        print(table(header, rows))
        hops = []
        for name, shape in ARRAYS.items():
            asked = {"shape": ",".join(map(str, shape))}
            answer = httpx.get(f"http://127.0.0.1:{port}/", params=asked, timeout=120)
            nbytes = 4 * int(np.prod(shape))
            hops.append((name, f"{nbytes / 1000:,.0f}", f"{float(answer.text):.1f}"))
        print()
        print(table(("an array from looker to ingress", "kB", "ms"), hops))
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()
