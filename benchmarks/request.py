"""From a posted photo to its analysis: total latency against the forward pass alone.

A real server in its own process, a real socket, one request at a time. Every photo differs in one
pixel, so that none is answered from the store. The plain forward pass is timed in this process,
alternating with the requests, on the same network with the same number of threads.
"""

from __future__ import annotations

import io
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import torch
from PIL import Image

from benchmarks.timing import table, take_turns
from fovea.models.catalog.catalog import Catalog
from fovea.models.preprocessing import prepare

MODEL = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
ROUNDS = 40
START_S = 120


@contextmanager
def running_server() -> Iterator[httpx.Client]:
    """A client of a newly started server that is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "FOVEA_PORT": str(port), "FOVEA_HOST": "127.0.0.1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "fovea", "serve"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            deadline = time.monotonic() + START_S
            while time.monotonic() < deadline:
                try:
                    if client.get("/readyz").is_success:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.2)
            yield client
    finally:
        server.terminate()
        server.wait(timeout=30)


def photos() -> Iterator[bytes]:
    """JPEG files of one photo, each with a different corner pixel."""
    from skimage.data import chelsea

    pixels = chelsea().copy()  # type: ignore[no-untyped-call]
    for shade in range(256):
        pixels[:8, :8] = shade
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=92)
        yield file.getvalue()


def main() -> None:
    """Print the table."""
    weights = os.environ.get("FOVEA_WEIGHTS_DIR")
    loaded = Catalog(Path(weights) if weights else None).load(MODEL)
    files = photos()
    photo = torch.zeros(3, 300, 451, dtype=torch.uint8)
    assert loaded.spec.preprocessing is not None
    inputs, _ = prepare(photo, loaded.spec.preprocessing)
    parts: dict[str, list[float]] = {}
    sizes: list[int] = []

    with running_server() as client, torch.inference_mode():

        def request() -> None:
            answer = client.post(
                "/v1/analyses",
                params={"model": MODEL},
                content=next(files),
                headers={"Content-Type": "image/jpeg"},
            )
            answer.raise_for_status()
            sizes.append(len(answer.content))
            for part, milliseconds in answer.json()["timings_ms"].items():
                parts.setdefault(part, []).append(milliseconds)

        answer, plain = take_turns([request, lambda: loaded.module(inputs)], ROUNDS, pause_s=0.1)

    inside = parts["forward"][1:]
    over = [1000 * whole - forward for whole, forward in zip(answer.seconds, inside, strict=True)]
    print(f"{MODEL}, {torch.get_num_threads()} threads, {ROUNDS} rounds\n")
    rows = [
        ["request to answer", f"{answer.median_ms:.1f} ms", f"{answer.against(plain):.2f}"],
        ["plain forward pass, in this process", f"{plain.median_ms:.1f} ms", "1.00"],
        ["forward pass with capture, in the server", f"{statistics.median(inside):.1f} ms", ""],
        ["request − forward pass in it", f"{statistics.median(over):.1f} ms", ""],
        *(
            [f"  of which {part}", f"{statistics.median(parts[part][1:]):.1f} ms", ""]
            for part in ("decode", "preprocess", "queue")
        ),
    ]
    print(table(("what", "median", "/ plain forward"), rows))
    print(f"\nanswer: {statistics.median(sizes) / 1000:.1f} kB of JSON")


if __name__ == "__main__":
    main()
