"""How the page behaves: contrast, names for a screen reader, waiting and cancelling."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Attending, Watched

pytestmark = pytest.mark.browser

# WCAG 2.2, 1.4.3: the contrast of every text that is seen, against the nearest painted background.
LOW_CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("#app *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest("svg, option")) continue;
    const [a, b] = [parse(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["look", "heads", "numbers", "how"])
def test_contrast(watched: Watched, attending: Attending, theme: str, tab: str) -> None:
    page = watched.open(
        f"?sample=chelsea&model={attending.model}&site={attending.site(3)}&tab={tab}&theme={theme}"
    )
    assert page.evaluate(LOW_CONTRAST) == []


def test_every_control_has_a_name(watched: Watched, attending: Attending) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}&tab=heads")
    expect(page.locator(".mini").first).to_be_visible()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select")]
          .filter((e) => e.checkVisibility())
          .filter((e) => !e.getAttribute("aria-label") && !e.textContent.trim())
          .filter((e) => !e.labels?.length)
          .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []


SHOWN_AFTER = """() => {
  document.addEventListener("click", () => (window.clickedAt = performance.now()), true);
  const busy = document.querySelector(".busy[role=status]");
  new MutationObserver(() => (busy.hidden ? null : (window.shownAfter = performance.now())))
    .observe(busy, { attributes: true, attributeFilter: ["hidden"] });
}"""


def test_a_long_wait_says_so_and_can_be_cancelled(watched: Watched, attending: Attending) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}&site={attending.site(3)}")
    said = page.locator("#sentence").inner_text()

    page.evaluate(SHOWN_AFTER)
    held: list[Route] = []
    page.route("**/v1/analyses", lambda route: held.append(route))  # an answer that does not come
    page.get_by_role("button", name="Samples").click()
    page.get_by_role("button", name="Coffee").click()
    busy = page.get_by_role("status").filter(has_text="Looking at Coffee")
    expect(page.locator("#stage")).to_have_class(re.compile("waiting"))
    expect(busy).to_be_visible()
    assert page.evaluate("shownAfter - clickedAt") >= 900  # until then nothing but a shimmer
    busy.get_by_role("button", name="Cancel").click()
    expect(busy).to_be_hidden()
    expect(page.locator("#stage")).not_to_have_class(re.compile("waiting"))
    assert page.locator("#sentence").inner_text() == said
    assert "sample=chelsea" in page.url


def test_the_search_also_finds_what_is_not_here(watched: Watched, attending: Attending) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}")
    page.keyboard.press("/")
    page.locator("#model-search").fill("deit tiny")
    card = page.locator(".card", has_text="deit_tiny").first
    expect(card).to_be_visible()
    expect(card).to_contain_text("downloads")
    page.locator("#model-search").fill("no such network")
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("No model")
