"""The page by keyboard alone: every control is reached, has a name and shows that it is reached."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched

REACHED = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const { width, height } = element.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const label = element.labels?.[0]?.textContent;
  const own = element.getAttribute("aria-label") || element.textContent.trim();
  const name = own || label || element.title;
  window.reached ??= new Map();
  if (!window.reached.has(element)) window.reached.set(element, window.reached.size);
  return { at: window.reached.get(element), name, seen: width > 0 && height > 0,
    outlined: outlineStyle !== "none" && parseFloat(outlineWidth) > 0, id: element.id };
}"""

# What Tab stops at: of a group of radios or tabs the chosen one, the others by arrow keys.
STOPS = """() => [...document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, [tabindex]")]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility())
  .filter((one) => !one.closest("[inert], [popover]:not(:popover-open), dialog:not([open])"))
  .length"""


def walk(page: Page) -> list[dict[str, object]]:
    """Everything that Tab reaches, in its order, until it comes round."""
    found: list[dict[str, object]] = []
    page.evaluate("document.activeElement.blur()")
    for _ in range(200):
        page.keyboard.press("Tab")
        here = page.evaluate(REACHED)
        if here is None:
            if found:
                break
            continue
        if here["at"] < len(found):
            break
        found.append(here)
    return found


@pytest.mark.parametrize(
    "view",
    [
        "?sample=sunflower&model=vit&tab=heads",
        "?sample=sunflower&model=vit&tab=what-if",
        "?model=se_resnet&tab=what-if",
        "?sample=sunflower&model=vit&sheet=1&query=6,6",
    ],
)
def test_tab_reaches_every_control(watched: Watched, view: str) -> None:
    page = watched.open(view)
    page.wait_for_timeout(1500)  # what is drawn a frame later is there
    reached = walk(page)
    assert [one for one in reached if not one["name"]] == []
    assert [one for one in reached if not one["outlined"]] == []
    assert [one for one in reached if not one["seen"]] == []
    assert len(reached) >= page.evaluate(STOPS)


def test_everything_opens_and_closes_without_a_pointer(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    for opener in ("#compare", "#export", "#help", "#model"):
        page.locator(opener).focus()
        page.keyboard.press("Enter")
        expect(page.locator("dialog[open]")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
        expect(page.locator(opener)).to_be_focused()
    page.locator("#tab-look").focus()
    for name in ("heads", "numbers", "how", "what-if"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(f"#tab-{name}")).to_be_focused()
        expect(page.locator(f"#panel-{name}")).to_be_visible()
    page.locator(".strip .site[aria-checked=true]").focus()
    before = page.locator("#sentence").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#sentence")).not_to_have_text(before)
    page.keyboard.press("a")
    expect(page.locator(".sheet-tile").first).to_be_visible()
    page.locator(".sheet-tile").nth(4).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".contact-sheet")).to_be_hidden()
    expect(page.locator("#sentence")).to_contain_text("head 1")
