"""`make soak`: attacks at full size, then many mixed requests. Ends with 1 where a bound is broken.

Memory has to stay below what the server had before, its analyses and twice FOVEA_WORK_BUDGET_BYTES
under every attack, others have to be answered meanwhile, and after the mix nothing may be left:
resident memory within two percent, no file and no thread more.
"""

from __future__ import annotations

import argparse
import io
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import numpy as np
from PIL import Image

from tests.load.serving import Process, serving

MEBIBYTE = 1 << 20
WORK = 1024 * MEBIBYTE
TRACES = 256 * MEBIBYTE
MODELS = ("vit", "se_resnet", "cbam_resnet", "stn")
GROWTH = 1.02

failures: list[str] = []


def photo(seed: int) -> bytes:
    """Noise, 300 × 200."""
    pixels = np.random.default_rng(seed).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def saved(mode: str, side: int, form: str, **options: object) -> bytes:
    """One colour, so that a large picture is a small file."""
    buffer = io.BytesIO()
    Image.new(mode, (side, side), 1).save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def post(server: Process, data: bytes, model: str = "vit", timeout: float = 120) -> httpx.Response:
    return httpx.post(
        f"{server.url}/v1/analyses", params={"model": model}, files={"image": data}, timeout=timeout
    )


def attacked(server: Process, name: str, attack: Callable[[], list[int] | None]) -> None:
    """Runs the attack, and asks how others fare meanwhile."""
    server.forget_peak()
    before = server.status("VmRSS")
    answers: list[int] = []
    running = threading.Thread(target=lambda: answers.extend(attack() or ()))
    started = time.monotonic()
    running.start()
    health, page = [], []
    while running.is_alive() or not page:
        for path, times in (("/healthz", health), ("/main.js", page)):
            asked = time.monotonic()
            httpx.get(server.url + path, timeout=60)
            times.append(time.monotonic() - asked)
        time.sleep(0.02)
    took = time.monotonic() - started
    asked = time.monotonic()
    seen = post(server, photo(random.randrange(1 << 30)))
    afterwards = time.monotonic() - asked
    more = (server.status("VmHWM") - before) * 1024
    print(
        f"{name:44} {took:6.1f} s  peak +{more / MEBIBYTE:6.0f} MiB  healthz {max(health):.2f} s  "
        f"page {max(page):.2f} s  POST after it {afterwards:.2f} s ({seen.status_code})  "
        f"{dict(Counter(answers)) or ''}",
        flush=True,
    )
    if more > 2 * WORK + TRACES:
        failures.append(f"{name}: {more / MEBIBYTE:.0f} MiB more")
    if seen.status_code != 201:
        failures.append(f"{name}: the next POST got {seen.status_code}")


def attacks(server: Process) -> None:
    """Those that were measured before there were bounds."""
    made = post(server, saved("1", 8000, "TIFF", compression="group4")).json()
    address = server.url + made["links"]["self"]

    def overlays() -> list[int]:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda n: httpx.get(
                f"{address}/sites/s02/attention", params={"opacity": n / 10},
                headers={"Accept": "image/png"}, timeout=300).status_code, range(8)))  # fmt: skip

    attacked(server, "8 overlays of 64 megapixels", overlays)
    wide = post(server, saved("L", 4000, "PNG")).json()

    image = server.url + wide["links"]["image"]

    def images() -> list[int]:
        with ThreadPoolExecutor(44) as pool:
            asked = lambda n: httpx.get(image, params={"n": n}, timeout=300).status_code  # noqa: E731
            return list(pool.map(asked, range(44)))

    attacked(server, "44 images of 16 megapixels", images)
    small = post(server, photo(1)).json()["links"]["self"]

    def abandoned() -> None:
        host, port = httpx.URL(server.url).host, httpx.URL(server.url).port or 80
        for n in range(300):
            with socket.create_connection((host, port), timeout=10) as connection:
                path = f"{small}/maps/relevance?target={n % 100}"
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    attacked(server, "300 maps, sockets closed at once", abandoned)
    words = " ".join(f"w{n}" for n in range(3_000_000))

    def sentence() -> None:
        with suppress(httpx.TransportError):
            httpx.post(f"{server.url}/v1/analyses", files={"text": (None, words)}, timeout=60)

    attacked(server, "a sentence of 25 MB", sentence)
    pictures = [saved("RGB", 8000 - n, "PNG") for n in range(12)]

    def decoding() -> list[int]:
        with ThreadPoolExecutor(12) as pool:
            return list(pool.map(lambda data: post(server, data).status_code, pictures))

    attacked(server, "12 PNGs of 64 megapixels", decoding)
    clear = saved("RGBA", 6000, "PNG")
    attacked(server, "one RGBA PNG of 36 megapixels", lambda: [post(server, clear).status_code])

    def stalled() -> None:
        host, port = httpx.URL(server.url).host, httpx.URL(server.url).port or 80
        held = []
        for _ in range(40):
            connection = socket.create_connection((host, port), timeout=10)
            connection.sendall(
                b"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
                b"Content-Length: 31000000\r\n\r\n"
            )
            connection.settimeout(0.2)
            with suppress(OSError):
                connection.sendall(bytes(29 * MEBIBYTE))
            held.append(connection)
        post(server, photo(2))
        for connection in held:
            connection.close()

    attacked(server, "40 uploads that stall", stalled)


def mixed(server: Process, count: int) -> None:
    """Posts, maps, pictures, mistakes; after a quarter of them nothing may grow any more."""

    def one(n: int) -> int:
        with httpx.Client(base_url=server.url, timeout=120) as client:
            if n % 7 == 0:
                return client.get("/v1/models").status_code
            if n % 11 == 0:
                return client.post("/v1/analyses", content=b"no photo").status_code
            made = client.post(
                "/v1/analyses", params={"model": MODELS[n % 4]}, files={"image": photo(n % 200)}
            )
            if made.status_code != 201:
                return made.status_code
            found = made.json()
            here = found["links"]["self"]
            site = found["sites"][n % len(found["sites"])]["id"] if found["sites"] else "s00"
            for path in ("", "/image", f"/sites/{site}/steps", "/maps/rollout"):
                media = ("application/json", "image/png", "*/*")[n % 3]
                answer = client.get(here + path, headers={"Accept": media})
                if answer.status_code >= 500:
                    return answer.status_code
            return 200

    def run(first: int, last: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            wrong = [status for status in pool.map(one, range(first, last)) if status >= 500]
        if wrong:
            failures.append(f"{len(wrong)} answers of the mix were {sorted(set(wrong))}")

    rounds = max(8, count // 5)  # Each is about five requests.
    run(0, rounds // 4)
    time.sleep(2)
    before = (server.status("VmRSS"), server.files, server.status("Threads"))
    run(rounds // 4, rounds)
    time.sleep(20)  # Connections that were kept alive are closed by then.
    after = (server.status("VmRSS"), server.files, server.status("Threads"))
    print(f"resident kB, files, threads: {before} → {after}")
    if after[0] > before[0] * GROWTH:
        failures.append(f"resident memory grew by {after[0] / before[0] - 1:.1%}")
    if after[1] > before[1] or after[2] > before[2]:
        failures.append(f"files or threads are left: {before[1:]} → {after[1:]}")


def main() -> None:
    """Attacks, then the mix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="of the mix")
    options = parser.parse_args()
    budgets = {"work_budget_bytes": str(WORK), "trace_budget_bytes": str(TRACES)}
    with serving(**budgets, max_pixels="64000000") as server:
        attacks(server)
        mixed(server, options.requests)
    for line in failures:
        print(f"broken: {line}", file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
