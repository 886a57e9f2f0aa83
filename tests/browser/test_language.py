"""The page in Chinese: chosen, kept and switched, and without an English sentence."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.looking import get

pytestmark = pytest.mark.browser

SEEN = """() => {
  const found = [];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (element.closest("pre, code, script, style, math, kbd, .known-words, [lang=en]")) continue;
    if (element.closest("#words, .word-bars, .confidence, .sample .quiet, .papers")) continue;
    if (element.closest(".formula, .examples, .wrote, .word-matrix, .word-scores")) continue;
    if (shown(element)) found.push(node.textContent);
  }
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")) {
    if (element.closest("#words, [lang=en]") || !shown(element)) continue;
    for (const name of ["aria-label", "title", "placeholder", "alt"])
      if (element.hasAttribute(name)) found.push(element.getAttribute(name));
  }
  return found.map((text) => text.trim()).filter(Boolean);
}"""

NAMES = re.compile(
    r"Fovea|EN|English|SVG|HTML|PDF|CSV|npy|PNG|Python|curl|px|ViT|TNT|ResNet|CBAM|SE|ECA|U-Net|STN"
    r"|MNIST|CIFAR|Caltech|Flickr8k|Transformer|softmax|Softmax|exp|log|ln|sin|cos|nat|Dice|Esc|Tab"
    r"|Grad-CAM|LeGrad|inferno|viridis|cividis|magma|coolwarm|CC0|CC|BY|SA|Apache|NASA|SpaceX|rollout"
    r"|et al|REST|API|timm|sigmoid|ReLU|GELU|MB|kB|ms|FOVEA\w*|max|avg|conv|min|mean|clip|loc"
)
"""What is the same in both languages: names, symbols, units."""

CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z][a-z]{2,}")

VIEWS = (
    "?sample=sunflower&model=vit&tab=look",
    "?sample=sunflower&model=vit&tab=heads",
    "?sample=sunflower&model=vit&tab=numbers&query=3,4",
    "?sample=sunflower&model=vit&tab=how&query=3,4",
    "?sample=sunflower&model=vit&tab=what-if",
    "?sample=sunflower&model=vit&method=rollout&tab=how",
    "?sample=sunflower&model=vit&method=relevance&tab=how",
    "?sample=sunflower&model=vit&method=positions&tab=how",
    "?sample=sunflower&model=vit&method=token-lengths&tab=look",
    "?sample=sunflower&model=cbam_resnet&tab=how",
    "?sample=sunflower&model=cbam_resnet&tab=channels",
    "?sample=sunflower&model=coord_resnet&tab=how",
    "?sample=sunflower&model=tnt&tab=how",
    "?sample=digit_turned&model=stn_digits&tab=how",
    "?sample=digit_turned&model=stn_digits&tab=what-if",
    "?sample=room_bedroom&model=sa_unet&tab=how",
    "?sample=camera&model=captioner&tab=how",
    "?sample=sunflower&model=vit&tab=truth",
    "?model=text_transformer&tab=look",
    "?model=text_transformer&tab=how",
)


def english(page: Page) -> list[str]:
    """What a person or a screen reader would meet in English."""
    texts: list[str] = page.evaluate(SEEN)
    return sorted({text for text in texts if _is_english(text)})


def _is_english(text: str) -> bool:
    text = re.sub(r"“[^”]*”", "", text)  # a word that is read or written
    if CHINESE.search(text):
        return bool(re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", text))
    return bool(WORD.search(NAMES.sub("", text)))


def opened(watched: Watched, view: str) -> Page:
    page = watched.open(f"{view}&lang=zh")
    expect(page.locator(".stale, .waiting")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    return page


def test_no_view_has_an_english_sentence(watched: Watched) -> None:
    met: dict[str, list[str]] = {}
    for view in VIEWS:
        if found := english(opened(watched, view)):
            met[view] = found
    assert not met, "\n".join(f"{view}: {found}" for view, found in met.items())


def test_dialogs_and_the_phone_have_no_english_sentence(watched: Watched) -> None:
    page = opened(watched, "?sample=sunflower&model=vit")
    models = page.get_by_role("button", name=re.compile("^模型："))
    listed = get(watched.server, "/v1/models")
    titles = {one[name] for one in listed for name in ("id", "title")}  # as their owners named them
    for opens in (lambda: page.keyboard.press("?"), models.click):
        opens()
        expect(page.locator("dialog[open]")).to_be_visible()
        expect(page.locator("dialog[open] .waiting")).to_have_count(0)
        assert set(english(page)) <= titles
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in ("look", "heads", "how"):
        assert english(opened(watched, f"?sample=sunflower&model=vit&tab={tab}")) == [], tab


def test_the_switch_keeps_edits_and_their_undoing(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&site=s05&tab=what-if")
    page.get_by_role("button", name="Skip the layer").click()
    page.wait_for_url("**edits=**")
    page.get_by_role("radio", name="中文").click()
    undo = page.get_by_role("button", name="撤销")
    expect(undo).to_be_enabled(timeout=30_000)
    undo.click()
    page.wait_for_url(lambda url: "edits=" not in url)


def test_the_switch_keeps_the_view_and_is_remembered(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&site=s07&head=1&query=3,4")
    assert page.evaluate("document.documentElement.lang") == "en"
    page.get_by_role("radio", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("#sentence")).to_contain_text("第 3 行第 4 列的图块")
    for part in ("lang=zh", "site=s07", "head=1", "query=3,4"):
        assert part in page.url
    expect(page.get_by_role("radio", name="中文")).to_be_focused()
    again = watched.page.context.new_page()
    again.goto(f"{watched.server}/?sample=sunflower&model=vit")
    expect(again.locator("html")).to_have_attribute("lang", "zh-Hans")
    again.close()
