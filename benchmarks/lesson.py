"""The lesson in a real Chromium: how soon its first chapter can be used, how fast touch answers.

    python -m benchmarks lesson        (python -m benchmarks.lesson [--rounds 5])

First chapter: from the navigation to /learn/what to a chapter with all its numbers, on loopback, a
new browser profile each time; the server is warm. Touch: from a key on a figure to the changed
numbers on screen (a frame later), where no pass of the network is needed; and where one is, beside
the time of that request alone, which the page may exceed by 30 ms.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.browser_overlay import FLAGS, serving
from benchmarks.timing import table

FIRST = "what"
TOUCHES = 20

# The clock starts with the navigation; a chapter is ready once its numbers are in the text.
WHEN_READY = """
  const look = () => {
    if (document.querySelector("main[data-ready]")) window.ready = performance.now();
    else requestAnimationFrame(look);
  };
  addEventListener("DOMContentLoaded", look);
"""

# A frame is drawn by the time the callback of the one after it runs.
TOUCH = """async ([figure, key]) => {
  const target = document.querySelector(figure);
  target.focus();
  const begun = performance.now();
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
}"""

PASS = """async (label) => {
  performance.clearResourceTimings();
  const main = document.querySelector("main");
  const begun = performance.now();
  document.querySelector(label).click();
  await new Promise((done) => {
    const look = () => (main.dataset.ready ? done() : requestAnimationFrame(look));
    requestAnimationFrame(look);
  });
  const all = performance.now() - begun;
  const asked = performance.getEntriesByType("resource");
  const passes = asked.filter((one) => one.name.includes("edits"));
  return [all, Math.max(...passes.map((one) => one.duration))];
}"""


def first_chapter(browser: Browser, address: str) -> dict[str, float]:
    """Milliseconds to the chapter, and the requests and bytes until then."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(WHEN_READY)
    page.goto(f"{address}/learn/{FIRST}?photo=sunflower&lang=en")
    page.locator(f"main[data-ready={FIRST}]").wait_for(timeout=60_000)
    page.wait_for_timeout(200)  # the clock is stopped in the frame after
    found: dict[str, float] = page.evaluate(
        """() => {
          const all = performance.getEntriesByType("resource");
          const paint = performance.getEntriesByName("first-contentful-paint")[0];
          return {
            "first paint ms": paint?.startTime ?? NaN,
            "ready ms": window.ready,
            requests: all.length + 1,
            kB: all.reduce((sum, one) => sum + one.transferSize, 0) / 1e3,
          };
        }"""
    )
    context.close()
    return found


def chapter(page: Page, address: str, slug: str) -> None:
    """Open it and wait for its numbers."""
    page.goto(f"{address}/learn/{slug}?photo=sunflower&lang=en")
    page.locator(f"main[data-ready={slug}]").wait_for(timeout=60_000)
    page.wait_for_timeout(1000)


def touches(page: Page, address: str) -> dict[str, float]:
    """Median and 95th percentile, in ms, of touching figures that need no pass of the network."""
    found: dict[str, float] = {}
    for slug, figure in (
        ("attention", ".photo .picker"),
        ("matrices", ".matrix .picker"),
        ("positions", ".photo .picker"),
    ):
        chapter(page, address, slug)
        keys = ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp")
        times = []
        for turn in range(TOUCHES):
            times.append(page.evaluate(TOUCH, [figure, keys[turn % 4]]))
            page.wait_for_timeout(250)
        found[f"{slug} p50"] = statistics.median(times)
        found[f"{slug} p95"] = sorted(times)[int(0.95 * TOUCHES)]
    return found


def passes(page: Page, address: str) -> dict[str, float]:
    """Medians, in ms, of switching heads off, a pass each: all of it, and the request alone."""
    chapter(page, address, "heads")
    heads = page.locator("[role=radiogroup] [role=radio]").count()
    times = []
    for at in range(1, heads):
        page.wait_for_timeout(300)  # a touch of its own, not one of a moving pointer
        times.append(page.evaluate(PASS, f"[role=radiogroup] [role=radio]:nth-child({1 + at})"))
    whole, alone = (statistics.median(one) for one in zip(*times, strict=True))
    return {"switched": whole, "of it the pass": alone, "more than the pass": whole - alone}


def main(arguments: list[str] | None = None) -> None:
    """Print a table of each, and one JSON line with all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments or [])
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        rounds = [first_chapter(browser, address) for _ in range(options.rounds + 1)][1:]
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        results: dict[str, Any] = {
            "first chapter": {
                name: statistics.median(one[name] for one in rounds) for name in rounds[0]
            },
            "touch": touches(page, address),
            "pass": passes(page, address),
        }
        browser.close()
    for name, one in results.items():
        print(table((name, *one), [["", *(f"{value:.0f}" for value in one.values())]]))
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
