"""The page in a real Chromium: what a person does, and what they then see."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.acting import hover
from tests.browser.conftest import Attending, Watched
from tests.browser.looking import (
    analysis_of,
    attention,
    expected_cells,
    get,
    pixels,
    seen_cells,
    sentence,
)

pytestmark = pytest.mark.browser


def test_without_a_click_the_first_sample_is_analysed(
    watched: Watched, attending: Attending
) -> None:
    page = watched.open()
    expect(page.locator("#sentence")).to_contain_text("what the class token looks at")
    expect(page.locator(".hint")).to_contain_text("Hover a patch to see what it attends to")
    expect(page.locator(".predictions li")).to_have_count(5)
    expect(page.locator(".legend .number").first).not_to_be_empty()
    expect(page.locator(".site[aria-checked=true]")).to_have_count(1)
    assert len(np.unique(pixels(page).reshape(-1, 3), axis=0)) > 20


def test_hovering_asks_the_patch_under_the_pointer(watched: Watched, attending: Attending) -> None:
    page = watched.open(
        f"?sample=chelsea&model={attending.model}&site={attending.site(4)}&head=0&opacity=1"
    )
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    hover(page, 0.5, 0.5)
    expect(page.locator("#sentence")).to_contain_text("head 0: what the patch at row")
    asked = re.search(r"row (\d+), column (\d+)", sentence(page))
    assert asked
    values = attention(watched, attending.site(4), query=f"{asked[1]},{asked[2]}", head=0)
    wanted = expected_cells(watched.server, values, "inferno", 1)
    difference = np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted)
    assert difference.max() <= 6, difference.max()
    expect(page.locator("#here")).to_contain_text("here")

    page.mouse.move(5, 5)
    expect(page.locator("#sentence")).to_contain_text("what the class token looks at")


def test_a_click_pins_and_the_direction_turns(watched: Watched, attending: Attending) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}&site={attending.site(4)}")
    hover(page, 0.5, 0.5)
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"query=\d+,\d+"))
    pinned = sentence(page)
    hover(page, 0.4, 0.4)
    assert sentence(page) == pinned
    page.get_by_role("radio", name="is looked at by").click()
    expect(page.locator("#sentence")).to_contain_text("what looks at the patch")
    asked = re.search(r"row (\d+), column (\d+)", pinned)
    assert asked
    values = attention(watched, attending.site(4), query=f"{asked[1]},{asked[2]}", direction="to")
    high = float(page.locator(".legend .number").nth(1).inner_text())
    assert high == pytest.approx(values.max(), rel=0.01)
    page.locator("#class-token").click()
    expect(page.locator("#sentence")).to_contain_text("the class token")


def test_the_keyboard_does_all_of_it(watched: Watched, attending: Attending) -> None:
    page = watched.open(
        f"?sample=chelsea&model={attending.model}&site={attending.site(4)}&query=5,5"
    )
    said = page.locator("#sentence")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    expect(said).to_contain_text("row 4, column 6")
    page.keyboard.press("]")
    expect(said).to_contain_text("Attention 5")
    page.keyboard.press("[")
    page.keyboard.press("h")
    expect(said).to_contain_text("Attention 4, head 0")
    page.keyboard.press("d")
    expect(said).to_contain_text("what looks at")
    page.keyboard.press("m")
    page.keyboard.press("Escape")
    expect(said).to_contain_text("mean over heads: what looks at the class token")
    page.keyboard.press("r")
    expect(said).to_contain_text("Rollout")
    page.keyboard.press("2")
    expect(page.locator("#panel-heads")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and help")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".site[aria-checked=true]").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".site[aria-checked=true]")).to_have_attribute(
        "data-site", attending.site(3)
    )


def test_an_answer_pressed_shows_what_counted_for_it(
    watched: Watched, attending: Attending
) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}&opacity=0.7&colormap=viridis")
    second = page.locator(".why").nth(1)
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    named = analysis["predictions"][1]
    expect(page.locator("#sentence")).to_contain_text(f"Relevance for “{named['label']}”")
    path = f"/v1/analyses/{analysis['id']}/maps/relevance"
    values = np.array(get(watched.server, path, target=named["index"])["values"])
    wanted = expected_cells(watched.server, values, "viridis", 0.7)
    assert np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted).max() <= 6
    page.get_by_role("radio", name="Attention Grad-CAM").click()
    expect(page.locator("#sentence")).to_contain_text("Grad-CAM for")
    page.keyboard.press("4")
    expect(page.locator("#panel-how")).to_contain_text(named["label"])
    expect(page).to_have_url(re.compile(f"target={named['index']}"))
    page.keyboard.press("1")
    page.locator(".why").nth(1).click()
    expect(page.locator("#sentence")).to_contain_text("what the class token looks at")


def test_numbers_and_the_worked_pair(watched: Watched, attending: Attending) -> None:
    page = watched.open(
        f"?sample=chelsea&model={attending.model}&site={attending.site(4)}&query=5,5&head=1&tab=numbers"
    )
    expect(page.locator("#panel-numbers")).to_contain_text("sum over places")
    expect(page.locator("#panel-numbers .chart .main-svg").first).to_be_visible()
    page.locator("#tab-how").click()
    expect(page.locator("ol.steps math")).to_have_count(3)
    values = attention(watched, attending.site(4), query="5,5", head=1)
    page.keyboard.press("Escape")
    assert values.shape == (14, 14)


def test_theme_follows_the_system_and_the_button(watched: Watched, attending: Attending) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert light != dark
    page.locator("#theme").click()
    assert page.evaluate(background) == light
    page.locator("#theme").click()
    page.emulate_media(color_scheme="light")
    assert page.evaluate(background) == dark


def test_on_a_phone(phone: Watched, attending: Attending) -> None:
    page = phone.open(f"?sample=chelsea&model={attending.model}&site={attending.site(4)}")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    stage = page.locator("#frame").bounding_box()
    inspector = page.locator("#inspector").bounding_box()
    assert stage
    assert inspector
    assert stage["width"] == 390
    assert stage["y"] + stage["height"] < inspector["y"]
    touch = page.context.new_cdp_session(page)
    point = {"x": stage["width"] / 2, "y": stage["y"] + stage["height"] / 2}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(page.locator("#sentence")).to_contain_text("what the patch at row")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator("#tab-heads").tap()
    expect(page.locator(".head").first).to_be_visible()
    opened = inspector["height"]
    page.wait_for_timeout(100)
    sheet = page.locator("#inspector").bounding_box()
    assert sheet
    assert sheet["height"] > opened
