"""Zoom, pan, the scale of the colours and their ends: what is drawn stays where it belongs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.acting import hover
from tests.browser.conftest import Watched
from tests.browser.looking import GREY, analysis_of, attention, colour_cells, get, pixels

pytestmark = pytest.mark.browser

VIEW = "?sample=sunflower&model=vit&site=s08&colormap=viridis"
FADE = "&fade=even&opacity=1"


def zoom_of(page: Page) -> tuple[float, float, float]:
    found = re.search(r"zoom=([\d.]+),([\d.]+),([\d.]+)", page.url)
    assert found
    times, x, y = (float(one) for one in found.groups())
    return times, x, y


def middle_near(watched: Watched, across: float, down: float) -> tuple[float, float]:
    """The middle of the cell under a point of the frame, as shares of the frame."""
    zoom = zoom_of(watched.page)
    for shift in np.linspace(0, 0.1, 21):
        for a, d in ((across + shift, down), (across - shift, down)):
            around = {
                value_at(watched, a + dx, d + dy, zoom)
                for dx in (-0.02, 0.02)
                for dy in (-0.02, 0.02)
            }
            if len(around) == 1:
                return a, d
    raise AssertionError("no middle of a cell")


def value_at(watched: Watched, across: float, down: float, zoom: tuple[float, float, float]) -> str:
    """What the API says of the place under a point of the frame."""
    page = watched.page
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    times, x, y = zoom
    width, height = analysis["image"]["width"], analysis["image"]["height"]
    (a, _, c), (_, e, f) = analysis["geometry"]["image_to_input"]
    grid = next(site["grid"] for site in analysis["sites"] if site["id"] == "s08")
    (down0, across0), (tall, wide) = grid["origin"], grid["stride"]
    column = int((a * (x + across / times) * width + c - across0) / wide)
    row = int((e * (y + down / times) * height + f - down0) / tall)
    return f"row {row}, column {column}"


def test_the_wheel_zooms_and_all_stays_aligned(watched: Watched) -> None:
    page = watched.open(VIEW + FADE)
    hover(page, 0.4, 0.3)
    before = page.locator("#sentence").inner_text()
    page.mouse.wheel(0, -600)
    expect(page).to_have_url(re.compile("zoom="))
    expect(page.locator("#sentence")).to_have_text(before)
    zoom = zoom_of(page)
    assert zoom[0] > 2, zoom
    places = [middle_near(watched, *point) for point in ((0.15, 0.2), (0.85, 0.7))]
    for across, down in places:
        hover(page, across, down)
        expect(page.locator("#sentence")).to_contain_text(value_at(watched, across, down, zoom))
    # The overlay under the pointer has the colour of the cell there, exactly.
    page.mouse.move(2, 2)
    expect(page.locator("#sentence")).to_contain_text("class token")
    values = attention(watched, "s08", query="cls")
    colours = colour_cells(watched.server, values, "viridis")
    seen = pixels(page)
    for across, down in places:
        row, column = map(int, re.findall(r"\d+", value_at(watched, across, down, zoom)))
        there = seen[int(down * seen.shape[0]), int(across * seen.shape[1])].astype(float)
        assert np.abs(there - colours[row, column]).max() <= 6


def test_dragging_pulls_the_photo_and_pins_nothing(watched: Watched) -> None:
    page = watched.open(f"{VIEW}&zoom=2,0.25,0.25")
    box = page.locator("#frame").bounding_box()
    assert box
    hover(page, 0.5, 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"], steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"zoom=2,0\.1[45]\d*,0\.(30|29|3)"))
    assert "query=" not in page.url
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page).not_to_have_url(re.compile("zoom="))
    assert "query=" not in page.url
    transform = page.locator("#frame .photo").evaluate("(photo) => photo.style.transform")
    assert transform == ""


def test_keys_and_buttons_zoom_too(watched: Watched) -> None:
    page = watched.open(VIEW)
    page.keyboard.press("z")
    expect(page.locator("#whole-photo")).to_have_text("150 %")
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#whole-photo")).to_have_text("225 %")
    page.keyboard.press("Shift+ArrowRight")
    expect(page).to_have_url(re.compile("zoom=2.25"))
    moved = zoom_of(page)
    assert moved[1] > 0.5 - 0.5 / 2.25
    assert "query=" not in page.url
    page.locator("#whole-photo").click()
    expect(page).not_to_have_url(re.compile("zoom="))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("query="))


def test_two_fingers_zoom_on_a_phone(phone: Watched) -> None:
    page = phone.open(VIEW)
    box = page.locator("#frame").bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def fingers(kind: str, apart: float) -> None:
        points = [
            {"x": middle[0] + s * apart, "y": middle[1], "id": i} for i, s in ((0, -1), (1, 1))
        ]
        points = [] if kind == "touchEnd" else points
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 30)
    for apart in (40, 60, 80, 90):
        fingers("touchMove", apart)
    fingers("touchEnd", 90)
    expect(page).to_have_url(re.compile("zoom="))
    times, x, y = zoom_of(page)
    assert times == pytest.approx(3, rel=0.1)
    assert x + 0.5 / times == pytest.approx(0.5, abs=0.05)
    assert y + 0.5 / times == pytest.approx(0.5, abs=0.05)


def test_scale_and_ends_are_those_that_are_said(watched: Watched) -> None:
    page = watched.open(f"{VIEW}{FADE}&head=1")
    values = attention(watched, "s08", query="cls", head=1)
    every = np.array([attention(watched, "s08", query="cls", head=head) for head in range(3)])
    digits = get(watched.server, "/vendor/colormaps.json")["viridis"]
    table = np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(256, 3).astype(float)

    def check(shares: np.ndarray) -> None:
        seen = pixels(page).astype(float)
        analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
        side = analysis["geometry"]["input"]["width"] / 14
        for row, column in ((2, 3), (7, 7), (11, 9)):
            (a, _, c), (_, e, f) = analysis["geometry"]["image_to_input"]
            x = ((column + 0.5) * side - c) / a / analysis["image"]["width"]
            y = ((row + 0.5) * side - f) / e / analysis["image"]["height"]
            there = seen[int(y * seen.shape[0]), int(x * seen.shape[1])]
            wanted = table[int(np.clip(shares[row, column], 0, 1) * 255 + 0.5)]
            assert np.abs(there - wanted).max() <= 6
        assert seen.mean() != GREY

    low, high = values.min(), values.max()
    page.locator("#scale").select_option("sqrt")
    expect(page.locator(".legend").first).to_contain_text("square root: the middle colour is")
    check(np.sqrt((values - low) / (high - low)))
    page.locator("#scale").select_option("log")
    expect(page.locator(".legend").first).to_contain_text("logarithmic")
    start = max(values[values > 0].min(), high / 1e4)
    check(np.log(values / start) / np.log(high / start))
    page.locator("#scale").select_option("linear")
    page.locator("#ends").select_option("layer")
    expect(page.locator(".legend").first).to_contain_text("all heads of this layer")
    check((values - every.min()) / (every.max() - every.min()))
    page.locator("#ends").select_option("network")
    expect(page.locator(".legend").first).to_contain_text("all heads of all layers")
    top = float(page.locator(".legend .number").nth(1).inner_text())
    assert top >= every.max()
    page.locator("#ends").select_option("fixed")
    page.locator("#ends-low").fill("0")
    page.locator("#ends-high").fill("0.02")
    page.locator("#ends-high").blur()
    expect(page).to_have_url(re.compile(r"ends=0\.\.0\.02"))
    check(values / 0.02)


def test_sinks_are_named_and_can_be_seen(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    received: dict[str, np.ndarray] = {}
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    for site in analysis["sites"]:
        if site["kind"] == "attention":
            path = f"/v1/analyses/{analysis['id']}/maps/received"
            received[site["id"]] = np.array(get(watched.server, path, site=site["id"])["values"])
    drawn = {
        name: (values >= np.maximum(8 * np.median(values), 4 / 197)).sum()
        for name, values in received.items()
    }
    for name, count in drawn.items():
        page.locator(f".site[data-site={name}]").click()
        expect(page.locator("#sentence")).to_contain_text("class token")
        expect(page.locator("#sinks")).to_have_count(int(0 < count <= 19))
    assert any(0 < count <= 19 for count in drawn.values())
    page.locator("#sinks").get_by_role("button", name="Token length").click()
    expect(page.locator("#sentence")).to_contain_text("How long the token")
