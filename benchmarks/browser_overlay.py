"""From a pointer move to the redrawn overlay, in a real browser.

    python -m benchmarks.browser_overlay [--moves 300] [--model ID] [--sample NAME]

The page computes a row from q and k of the shown site ("projections"), or takes it from a
prefetched matrix ("matrix"). Both are measured on the same moves: from the pointer event's time
stamp until the overlay's pixels are finished, which reading one of them back waits for. The overlay
is drawn by Canvas2D, which the page uses without a GPU, and by WebGL2 in software. Only moves to
another patch count, one per frame. "In the page" counts from the event's delivery.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

from playwright.sync_api import Browser, sync_playwright

MODEL = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
FRAME_MS = 1000 / 60
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

# The overlay is drawn before the sentence is written, so a changed sentence implies a drawn
# overlay.
MEASURE = """() => {
  const overlay = document.querySelector("#frame .overlay");
  const flat = overlay.getContext("2d");
  const gl = flat ? null : overlay.getContext("webgl2");
  const pixel = new Uint8Array(4);
  const read = flat
    ? () => flat.getImageData(0, 0, 1, 1)
    : () => gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  window.moved = null;
  window.latencies = [];
  for (const name of ["pointerrawupdate", "pointermove"]) {
    addEventListener(name, (event) => {
      window.moved = [event.timeStamp, performance.now()];
    }, true);
  }
  new MutationObserver(() => {
    if (!window.moved) return;
    read();
    const now = performance.now();
    window.latencies.push(window.moved.map((then) => now - then));
    window.moved = null;
  }).observe(document.querySelector("#sentence"), { childList: true, subtree: true });
}"""

FETCHED = """() => performance.getEntriesByType("resource")
  .filter((entry) => /projections$|attention\\?query=all/.test(entry.name))
  .map((entry) => [entry.decodedBodySize, entry.duration])"""


@contextmanager
def serving() -> Iterator[str]:
    """The address of a Fovea server started for the benchmark."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "FOVEA_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "fovea", "serve"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def measure(browser: Browser, address: str, view: str, moves: int) -> dict[str, float]:
    """Milliseconds over many moves across the photo, and what was fetched for them."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(120_000)
    page.goto(f"{address}/?{view}")
    page.locator("#sentence:not(:empty)").wait_for()
    page.wait_for_timeout(2500)  # neighbouring data is prefetched while the page is idle
    page.evaluate(MEASURE)
    box = page.locator("#frame").bounding_box()
    assert box is not None
    for i in range(moves):
        across, down = 0.3 + 0.4 * ((i * 0.61803) % 1), 0.1 + 0.8 * ((i * 0.7548) % 1)
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.wait_for_timeout(FRAME_MS)
    measured = page.evaluate("window.latencies")
    latencies = sorted(total for total, _ in measured)
    own = sorted(in_page for _, in_page in measured)
    fetched = page.evaluate(FETCHED)
    page.close()
    return {
        "moves": len(latencies),
        "p50_ms": statistics.median(latencies),
        "p95_ms": latencies[int(0.95 * (len(latencies) - 1))],
        "in_page_p50_ms": statistics.median(own),
        "in_page_p95_ms": own[int(0.95 * (len(own) - 1))],
        "fetched_bytes_a_site": fetched[0][0],
        "fetch_ms_a_site": statistics.median(duration for _, duration in fetched),
    }


def main(arguments: list[str] | None = None) -> None:
    """Prints one line for each variant, and one JSON line with all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=300)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--sample", default="chelsea")
    options = parser.parse_args(arguments or [])
    results = {}
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        for renderer, rows in product(("canvas", "webgl"), ("projections", "matrix")):
            view = f"sample={options.sample}&model={options.model}&rows={rows}&renderer={renderer}"
            result = measure(browser, address, view, options.moves)
            results[f"{renderer} {rows}"] = result
            print(
                f"{renderer:6} {rows:12} "
                f"p50 {result['p50_ms']:5.1f} ms   p95 {result['p95_ms']:5.1f} ms   "
                f"in the page {result['in_page_p50_ms']:.1f} "
                f"and {result['in_page_p95_ms']:.1f} ms   "
                f"{result['moves']:.0f} moves   "
                f"a site: {result['fetched_bytes_a_site'] / 1e3:.0f} kB "
                f"in {result['fetch_ms_a_site']:.0f} ms"
            )
        browser.close()
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
