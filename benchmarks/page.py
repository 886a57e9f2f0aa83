"""The page in a real Chromium: its first view, the pointer, switching, memory.

    python -m benchmarks.page [--rounds 5] [--against ADDRESS]

First view: from the navigation to the first drawn map, on loopback and at 1.6 Mb/s down,
0.75 Mb/s up and 150 ms a round trip, a new browser profile each time. It is loaded by turns as it
is sent now and the plain way: index.html as it lies in the repository, so that one module is found
after another, nothing compressed. `--against` names a server of another version, which then takes
a turn too. Pointer: from the event to finished pixels, with the renderer that the page chooses
itself, at 197 and at 1,370 tokens. Switching: from the click on a site or a head to its sentence.
Memory: the heap of JavaScript after garbage collection, after 50 and after 500 interactions.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.browser_overlay import FLAGS, measure, serving
from benchmarks.timing import table
from fovea.models.catalog.torchvision_operators import declare_missing_operators

INDEX = Path(__file__).parents[1] / "frontend" / "index.html"
LONG_ID = "tokens_1370"
VIEW = "?sample=sunflower&model=vit"
SLOW = {"latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
SITE_CLICKS, HEAD_CLICKS = 24, 24
FEW, MANY = 50, 500

# The sentence is written after the overlay is drawn.
WHEN_USEFUL = """
  const look = () => {
    if (document.querySelector("#sentence")?.textContent) window.useful = performance.now();
    else requestAnimationFrame(look);
  };
  addEventListener("DOMContentLoaded", look);
"""

SWITCH = """async (selector) => {
  const button = document.querySelector(selector);
  const sentence = document.querySelector("#sentence");
  const changed = new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      if (!sentence.textContent) return;
      watch.disconnect();
      resolve(performance.now());
    });
    watch.observe(sentence, { childList: true, subtree: true, characterData: true });
  });
  const start = performance.now();
  button.click();
  return (await changed) - start;
}"""


def long_network(folder: Path) -> None:
    """A ViT with 1,370 tokens and random weights: 518 × 518 pixels in patches of 14."""
    declare_missing_operators()
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    arguments: dict[str, Any] = {"img_size": 518, "patch_size": 14, "depth": 3, "num_classes": 5}
    network = timm.create_model("vit_tiny_patch16_224", **arguments)
    save_file(network.state_dict(), folder / "tokens_1370.safetensors")
    lines = [
        'builder = "timm:vit_tiny_patch16_224"',
        'weights = "tokens_1370.safetensors"',
        'labels = ["daisy", "dandelion", "rose", "sunflower", "tulip"]',
        "[arguments]",
        *(f"{name} = {value}" for name, value in arguments.items()),
        "[preprocessing]\nsize = [518, 518]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]",
        'interpolation = "bicubic"\ncrop = "centre"',
    ]
    (folder / "tokens_1370.toml").write_text("\n".join(lines), "utf-8")


def first_view(browser: Browser, address: str, *, slow: bool, plain: bool) -> dict[str, float]:
    """Milliseconds to the first drawn map, and what was transferred until then."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.add_init_script(WHEN_USEFUL)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    if slow:
        session.send("Network.emulateNetworkConditions", {"offline": False, **SLOW})
    if plain:
        page.set_extra_http_headers({"Accept-Encoding": "identity"})
        page.route(f"{address}/{VIEW}", lambda route: route.fulfill(path=INDEX))
    kinds: dict[str, str] = {}
    bytes_of: dict[str, float] = {}

    def responded(event: dict[str, Any]) -> None:
        kinds[event["requestId"]] = event["response"]["mimeType"]

    def finished(event: dict[str, Any]) -> None:
        bytes_of[event["requestId"]] = event["encodedDataLength"]

    session.on("Network.responseReceived", responded)
    session.on("Network.loadingFinished", finished)
    page.goto(f"{address}/{VIEW}")
    page.locator("#sentence:not(:empty)").wait_for(timeout=120_000)
    scripts = [bytes_of.get(one, 0) for one, kind in kinds.items() if "javascript" in kind]
    found = {
        "ms": page.evaluate("window.useful"),
        "requests": len(kinds),
        "kB": sum(bytes_of.values()) / 1e3,
        "kB of JavaScript": sum(scripts) / 1e3,
    }
    context.close()
    return found


def switching(page: Page) -> dict[str, float]:
    """Milliseconds from a click on a site, and on a head, to the sentence of its map."""
    sites = page.locator(".strip .site").count()
    one = [
        page.evaluate(SWITCH, f".strip .site:nth-child({1 + (i * 5 + 2) % sites})")
        for i in range(SITE_CLICKS)
    ]
    heads = page.locator('[aria-label="Heads"] button').count()
    other = [
        page.evaluate(SWITCH, f'[aria-label="Heads"] button:nth-child({1 + (i + 1) % heads})')
        for i in range(HEAD_CLICKS)
    ]
    return {"site": statistics.median(one), "head": statistics.median(other)}


def heap(session: CDPSession) -> float:
    """Megabytes of the heap after garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def interact(page: Page, times: range) -> None:
    """Moves, pins, other sites, heads and tabs, in turn."""
    box = page.locator("#frame").bounding_box()
    assert box is not None
    keys = ("]", "h", "[", "d", "c", "2", "h", "m", "1", "3", "Escape", "4")
    for i in times:
        across, down = 0.25 + 0.5 * ((i * 0.61803) % 1), 0.1 + 0.8 * ((i * 0.7548) % 1)
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.keyboard.press(keys[i % len(keys)])
        page.wait_for_timeout(30)


def growth(browser: Browser, address: str) -> tuple[float, float]:
    """Megabytes of the heap after few and after many interactions."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/{VIEW}")
    page.locator("#sentence:not(:empty)").wait_for()
    session = page.context.new_cdp_session(page)
    session.send("Runtime.enable")
    session.send("HeapProfiler.enable")
    interact(page, range(FEW))
    page.wait_for_timeout(1000)
    few = heap(session)
    interact(page, range(FEW, MANY))
    page.wait_for_timeout(1000)
    many = heap(session)
    page.close()
    return few, many


def median_of(rounds: list[dict[str, float]], name: str) -> float:
    """The median of one field over all rounds."""
    return statistics.median(one[name] for one in rounds)


def first_views(browser: Browser, ways: dict[str, tuple[str, bool]], rounds: int) -> dict[str, Any]:
    """By variant and network: the rounds, with variants alternating."""
    found: dict[str, list[dict[str, float]]] = {}
    for slow in (False, True):
        for turn in range(-1, rounds):
            for name, (address, plain) in ways.items():
                one = first_view(browser, address, slow=slow, plain=plain)
                if turn >= 0:
                    found.setdefault(f"{name}, {'slow' if slow else 'loopback'}", []).append(one)
    return {
        name: {field: median_of(every, field) for field in every[0]}
        for name, every in found.items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Print a table of each, and one JSON line with all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", help="the address of a server of another version")
    options = parser.parse_args(arguments or [])
    with tempfile.TemporaryDirectory() as folder:
        long_network(Path(folder))
        os.environ["FOVEA_MODELS_DIR"] = folder
        with serving() as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(FLAGS)
            )
            ways = {"as sent": (address, False), "plain": (address, True)}
            if options.against:
                ways["against"] = (options.against.rstrip("/"), False)
            results: dict[str, Any] = first_views(browser, ways, options.rounds)
            rows = [
                [name, *(f"{value:.0f}" for value in one.values())] for name, one in results.items()
            ]
            print(table(("first view", *next(iter(results.values()))), rows))
            for model, tokens in (("vit", 197), (LONG_ID, 1370)):
                view = f"sample=sunflower&model={model}"
                one = measure(browser, address, view, 200)
                results[f"pointer, {tokens} tokens"] = one
                print(f"pointer, {tokens} tokens: p50 {one['p50_ms']:.1f}, p95 {one['p95_ms']:.1f}")
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/{VIEW}")
            page.locator("#sentence:not(:empty)").wait_for()
            page.wait_for_timeout(2500)  # neighbouring data is fetched while the page is idle
            results["switching"] = switching(page)
            page.close()
            print("switching:", {name: round(ms, 1) for name, ms in results["switching"].items()})
            few, many = growth(browser, address)
            results["heap"] = {str(FEW): few, str(MANY): many}
            print(f"heap: {few:.1f} MB after {FEW}, {many:.1f} MB after {MANY}: {many / few:.2f} ×")
            browser.close()
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
