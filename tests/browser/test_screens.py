"""Screens of every size: nothing is squeezed to nothing, covered, cut off or out of reach."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import Watched, open_watched

pytestmark = pytest.mark.browser

Box = dict[str, float]


def box_of(element: Locator) -> Box:
    box = element.bounding_box()
    assert box
    return {**box}


def overlap(one: Box, other: Box) -> bool:
    across = one["x"] < other["x"] + other["width"] and other["x"] < one["x"] + one["width"]
    down = one["y"] < other["y"] + other["height"] and other["y"] < one["y"] + one["height"]
    return across and down


@pytest.mark.parametrize("size", [(390, 844), (600, 900), (800, 1100), (1024, 768), (1440, 900)])
def test_the_photo_is_large_and_the_tools_are_there(
    browser: Browser, server: str, size: tuple[int, int]
) -> None:
    width, height = size
    for watched in open_watched(browser, server, viewport={"width": width, "height": height}):
        page = watched.open("?sample=sunflower&model=vit")
        frame = box_of(page.locator("#frame"))
        assert frame["width"] * frame["height"] > 0.15 * width * height
        assert frame["width"] / frame["height"] == pytest.approx(480 / 360, rel=0.01)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for tool in ("#model", "#open", "#compare", "#export", "#link", "#theme", "#help"):
            expect(page.locator(tool)).to_be_visible()
        assert not overlap(box_of(page.locator(".hint")), frame)


def test_two_pictures_and_their_words_on_a_phone(phone: Watched) -> None:
    page = phone.open("?sample=digit_turned&model=stn_digits")
    words = [
        page.locator(".second figcaption"),
        page.locator(".hint"),
        page.locator(".second .frame"),
    ]
    boxes = [box_of(one) for one in words]
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    expect(page.locator(".hint")).to_contain_text("Touch the right picture")


def test_what_went_wrong_is_seen_on_a_phone(phone: Watched) -> None:
    phone.expected = "404"
    page = phone.page
    page.goto(f"{phone.server}/?analysis=0123456789abcdef")
    problem = page.get_by_role("alert").filter(has_text="no analysis of that name")
    expect(problem).to_be_visible()
    expect(problem).not_to_contain_text("POST")
    start = problem.get_by_role("button", name="Start with a sample")
    assert not overlap(box_of(start), box_of(page.locator("#inspector")))
    start.tap()
    expect(page.locator("#sentence")).not_to_be_empty()


def test_matrices_of_words_keep_apart(browser: Browser, server: str) -> None:
    for watched in open_watched(browser, server, viewport={"width": 1024, "height": 768}):
        page = watched.open("?model=text_transformer")
        figures = page.locator(".word-matrix")
        expect(figures).to_have_count(3)
        boxes = [box_of(figures.nth(i)) for i in range(3)]
        stage = box_of(page.locator("#stage"))
        for i, box in enumerate(boxes):
            assert box["x"] + box["width"] <= stage["x"] + stage["width"]
            assert not any(overlap(box, other) for other in boxes[:i])
            titles = figures.nth(i).locator(".matrix-title")
            assert box_of(titles)["height"] < 30, "its title is on one line"


def test_the_words_that_the_page_uses_are_explained(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    page.locator("#help").click()
    terms = page.get_by_role("dialog", name="Keys and help").locator("dl").first
    for term in ("patch", "class token", "head", "rollout"):
        expect(terms.locator("dt", has_text=term).first).to_be_visible()
