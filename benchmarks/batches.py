"""A batch of 200 photos in one call against the best closed loop, on one server, alternating.

Then a batch with one bad photo, and one that is cancelled half-way. A second server uses a folder
as its photo store, to show the cost of keeping photos.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from benchmarks.serving import started
from benchmarks.timing import table
from fovea.client import Client

PHOTOS = 200
CLIENTS = (1, 2, 4, 8)
ROUNDS = 3
MODEL = "vit"


def noise(seed: int) -> bytes:
    """A new JPEG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480)).save(buffer, "JPEG")
    return buffer.getvalue()


def closed_loop(url: str, clients: int, files: Sequence[bytes]) -> float:
    """Photos per second."""

    def client(number: int) -> None:
        with Client(url) as fovea:
            for file in files[number::clients]:
                fovea.analyse(file, MODEL)

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    return len(files) / (time.perf_counter() - begun)


def batch(url: str, files: Sequence[bytes]) -> float:
    """Photos per second in one call."""
    begun = time.perf_counter()
    with Client(url) as fovea:
        seen = fovea.batch(files, MODEL).wait()
    assert all(one.problem is None for one in seen)
    return len(files) / (time.perf_counter() - begun)


def main() -> None:
    """Prints photos per second, and the outcome of the bad photo and the cancelled batch."""
    seeds = iter(range(1 << 30))

    def fresh() -> list[bytes]:
        return [noise(next(seeds)) for _ in range(PHOTOS)]

    with (
        tempfile.TemporaryDirectory() as folder,
        started(["-m", "fovea", "serve"], "/readyz") as port,
        started(
            ["-m", "fovea", "serve"], "/readyz", FOVEA_PHOTO_STORE=f"file://{folder}"
        ) as keeping,
    ):
        url, kept = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{keeping}"
        ways = {
            **{f"closed loop, {n} clients": partial(closed_loop, url, n) for n in CLIENTS},
            f"batch of {PHOTOS}": partial(batch, url),
            f"batch of {PHOTOS}, kept in a folder": partial(batch, kept),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                rates[name].append(way(fresh()))
        medians = {name: statistics.median(found) for name, found in rates.items()}
        best = max(rate for name, rate in medians.items() if name.startswith("closed"))
        rows = [
            (name, f"{rate:.1f}", f"{rate / best:.2f}", ", ".join(f"{r:.1f}" for r in rates[name]))
            for name, rate in medians.items()
        ]
        print(table(("", "photos/s", "of the best loop", "rounds"), rows))
        with Client(url) as fovea:
            files = fresh()
            files[17] = b"no photo"
            bad = [
                (number, one.problem.slug)
                for number, one in enumerate(fovea.batch(files, MODEL).wait())
                if one.problem
            ]
            print(f"\nOne bad photo among {PHOTOS}: {bad}")
            half = fovea.batch(fresh(), MODEL)
            while half.state()["done"] < PHOTOS // 2:
                time.sleep(0.02)
            half.cancel()
            done = half.state()["done"]
            time.sleep(1)
            print(f"Cancelled half-way: {done} done, {half.state()['done']} a second later")
