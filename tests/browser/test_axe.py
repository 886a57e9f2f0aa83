"""axe-core finds nothing on any view: page and lesson, both themes, both languages, desktop and
phone, and with everything open that opens over the page.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watched, open_watched

axe_core = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe is not installed (a dev dependency)"
)

pytestmark = pytest.mark.browser

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
VIEWS = (
    "?sample=sunflower&model=vit",
    "?sample=sunflower&model=vit&tab=heads&query=3,4",
    "?sample=sunflower&model=vit&tab=numbers",
    "?sample=sunflower&model=vit&tab=how&query=3,4&zoom=2,0.2,0.2",
    "?sample=sunflower&model=vit&tab=what-if",
    "?sample=sunflower&model=vit&method=relevance&tab=truth",
    "?sample=sunflower&model=vit&sheet=1&query=6,6",
    "?sample=sunflower&model=se_resnet&tab=channels",
    "?sample=digit_turned&model=stn_digits&tab=how",
    "?model=text_transformer&tab=how",
    "?sample=camera&model=captioner",
    "?sample=room_bricks&model=sa_unet&method=mask",
)
LESSON = ("learn/", "learn/attention", "learn/spatial-transformer", "learn/decoder")
OPENED = ("#compare", "#export", "#help", "#model", "[popovertarget=samples]")


def violations(page: Page) -> list[str]:
    found = axe_core.Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {node['any'][:1]}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Contrast is the theme's, names are the language's: two of the four pairs show both.
@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh", "dark")])
def test_nothing_is_wrong_with_any_view(
    browser: Browser, server: str, language: str, scheme: str
) -> None:
    for watched in open_watched(browser, server, color_scheme=scheme, **DESKTOP):
        assert wrong_with(watched, language) == []


def wrong_with(desk: Watched, language: str) -> list[str]:
    wrong = []
    for view in VIEWS:
        page = desk.open(f"{view}&lang={language}")
        page.wait_for_load_state("networkidle")
        wrong += [f"{view}: {one}" for one in violations(page)]
    for path in LESSON:
        page = desk.page
        page.goto(f"{desk.server}/{path}?lang={language}")
        expect(page.locator("h1")).to_be_visible()
        page.wait_for_load_state("networkidle")
        wrong += [f"{path}: {one}" for one in violations(page)]
    return wrong


def test_nothing_is_wrong_with_what_opens(browser: Browser, server: str, scheme: str) -> None:
    for watched in open_watched(browser, server, color_scheme=scheme, **DESKTOP):
        wrong = []
        page = watched.open("?sample=sunflower&model=vit")
        for opener in OPENED:
            page.locator(opener).click()
            page.wait_for_load_state("networkidle")
            wrong += [f"{opener}: {one}" for one in violations(page)]
            page.keyboard.press("Escape")
        assert wrong == []


def test_nothing_is_wrong_on_a_phone(browser: Browser, server: str, scheme: str) -> None:
    for watched in open_watched(browser, server, color_scheme=scheme, **PHONE):
        wrong = []
        for view in (VIEWS[0], VIEWS[1], VIEWS[9]):
            page = watched.open(view)
            page.wait_for_load_state("networkidle")
            wrong += [f"{view}: {one}" for one in violations(page)]
        page.goto(f"{server}/learn/attention")
        page.wait_for_load_state("networkidle")
        wrong += [f"lesson: {one}" for one in violations(page)]
        assert wrong == []
