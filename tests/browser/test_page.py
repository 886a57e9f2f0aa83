"""The page in a real Chromium: what a person does, and what they then see."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT, WINDOWED, Watched, watch
from tests.browser.looking import (
    analysis_of,
    cell_centre,
    colour_cells,
    expected_cells,
    get,
    pixels,
    seen_cells,
)

pytestmark = pytest.mark.browser

SAMPLES = json.loads((ROOT / "frontend/samples/samples.json").read_text("utf-8"))

DROP = """([base64, name, type]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  for (const event of ["dragenter", "dragover", "drop"]) {
    const options = { bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent(event, { dataTransfer: transfer, ...options }));
  }
}"""


def photo_file(width: int = 320, height: int = 200) -> bytes:
    """A photo that is no sample: a blur of colours."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [columns * 255 // width, rows * 255 // height, (rows * columns) % 256]
    picture = Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def drop(page: Page, content: bytes, name: str, kind: str) -> None:
    import base64

    page.evaluate(DROP, [base64.b64encode(content).decode(), name, kind])


def hover(page: Page, across: float, down: float) -> None:
    """Moves the mouse to a point of the photo, in parts of its width and height."""
    box = page.locator("#frame").bounding_box()
    assert box
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


def size_of(page: Page, canvas: str) -> list[int]:
    """(width, height) of a canvas's own pixels."""
    script = (
        "(selector) => { const c = document.querySelector(selector); return [c.width, c.height] }"
    )
    return list(page.evaluate(script, canvas))


def sentence(page: Page) -> str:
    return page.locator("#sentence").inner_text()


def attention(watched: Watched, site: str, **parameters: object) -> np.ndarray:
    analysis = analysis_of(watched.page)
    answer = get(watched.server, f"/v1/analyses/{analysis}/sites/{site}/attention", **parameters)
    return np.array(answer["values"], dtype=float).reshape(answer["shape"])


def test_without_a_click_the_first_sample_is_analysed(watched: Watched, attending: str) -> None:
    page = watched.open()
    expect(page.locator("#sentence")).to_contain_text("what the class token looks at")
    expect(page.locator(".hint")).to_contain_text("Move over the photo")
    expect(page.locator(".predictions li")).to_have_count(5)
    expect(page.locator(".legend .number").first).not_to_be_empty()
    expect(page.locator(".site[aria-checked=true]")).to_have_count(1)
    assert len(np.unique(pixels(page).reshape(-1, 3), axis=0)) > 20


def test_the_overlay_shows_the_numbers_of_the_api(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04&colormap=viridis&opacity=0.7")
    values = attention(watched, "s04", query="cls", head="mean")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    wanted = expected_cells(watched.server, values, "viridis", 0.7)
    # Rounding may move a value by one step of the colormap, and 8 bits of alpha by two levels.
    difference = np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted)
    assert difference.max() <= 6, difference.max()

    page.keyboard.press("1")
    page.locator("#colormap").select_option("inferno")
    wanted = expected_cells(watched.server, values, "inferno", 0.7)
    difference = np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted)
    assert difference.max() <= 6, difference.max()


def test_hovering_asks_the_patch_under_the_pointer(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04&head=0&opacity=1")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    hover(page, 0.5, 0.5)
    expect(page.locator("#sentence")).to_contain_text("head 0: what the patch at row")
    asked = re.search(r"row (\d+), column (\d+)", sentence(page))
    assert asked
    values = attention(watched, "s04", query=f"{asked[1]},{asked[2]}", head=0)
    wanted = expected_cells(watched.server, values, "inferno", 1)
    difference = np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted)
    assert difference.max() <= 6, difference.max()
    expect(page.locator("#here")).to_contain_text("here")

    page.mouse.move(5, 5)
    expect(page.locator("#sentence")).to_contain_text("what the class token looks at")


def test_a_click_pins_and_the_direction_turns(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04")
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
    values = attention(watched, "s04", query=f"{asked[1]},{asked[2]}", direction="to")
    high = float(page.locator(".legend .number").nth(1).inner_text())
    assert high == pytest.approx(values.max(), rel=0.01)
    page.locator("#class-token").click()
    expect(page.locator("#sentence")).to_contain_text("the class token")


def test_the_keyboard_does_all_of_it(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04&query=5,5")
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
    expect(said).to_contain_text("mean of heads: what looks at the class token")
    page.keyboard.press("r")
    expect(said).to_contain_text("Rollout")
    page.keyboard.press("2")
    expect(page.locator("#panel-heads")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and help")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".site[aria-checked=true]").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".site[aria-checked=true]")).to_have_attribute("data-site", "s03")


def test_rollout_is_the_apis(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}")
    page.get_by_role("radio", name="Rollout", exact=True).click()
    expect(page.locator("#sentence")).to_contain_text("Rollout")
    answer = get(watched.server, f"/v1/analyses/{analysis_of(page)}/maps/rollout")
    high = float(page.locator(".legend .number").nth(1).inner_text())
    assert high == pytest.approx(np.max(answer["values"]), rel=0.01)


def test_an_answer_pressed_shows_what_counted_for_it(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&opacity=0.7&colormap=viridis")
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
    page.get_by_role("radio", name="Grad-CAM").click()
    expect(page.locator("#sentence")).to_contain_text("Grad-CAM for")
    page.keyboard.press("4")
    expect(page.locator("#panel-how")).to_contain_text(named["label"])
    assert f"target={named['index']}" in page.url
    page.keyboard.press("1")
    page.locator(".why").nth(1).click()
    expect(page.locator("#sentence")).to_contain_text("what the class token looks at")


def test_a_place_sees_its_window_and_nothing_else(watched: Watched) -> None:
    """MobileViT attends among every second row and column; what it cannot see is hatched."""
    page = watched.open(f"?sample=chelsea&model={WINDOWED}&opacity=1")
    expect(page.locator("#sentence")).to_contain_text("in its window")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    site = next(one for one in analysis["sites"] if one["windows"])
    page.goto(f"{watched.server}/?sample=chelsea&model={WINDOWED}&site={site['id']}&query=4,7")
    expect(page.locator("#sentence")).to_contain_text("row 4, column 7 looks at in its window")
    values = attention(watched, site["id"], query="4,7")
    assert np.isfinite(values[0::2, 1::2]).all()
    assert np.isfinite(values).sum() == values.size / 4
    expect(page.locator(".note").first).to_contain_text("4 windows")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#sentence")).to_contain_text("row 4, column 8")


def test_heads_are_small_multiples(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04&tab=heads")
    heads = page.locator(".head")
    expect(heads.first).to_be_visible()
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    site = next(one for one in analysis["sites"] if one["id"] == "s04")
    expect(heads).to_have_count(site["heads"])
    expect(page.locator(".mini")).to_have_count(sum(one["heads"] for one in analysis["sites"]))
    heads.nth(1).click()
    expect(page.locator("#sentence")).to_contain_text("head 1")
    page.locator(".mini").first.click()
    expect(page.locator("#sentence")).to_contain_text("Attention 0, head 0")


def test_numbers_and_the_worked_pair(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04&query=5,5&head=1&tab=numbers")
    expect(page.locator("#panel-numbers")).to_contain_text("sum over places")
    expect(page.locator("#panel-numbers .chart .main-svg").first).to_be_visible(timeout=30_000)
    page.locator("#tab-how").click()
    expect(page.locator(".steps math")).to_have_count(3)
    values = attention(watched, "s04", query="5,5", head=1)
    page.keyboard.press("Escape")
    assert values.shape == (14, 14)


def test_a_dropped_photo_and_its_link(watched: Watched, attending: str, browser: Browser) -> None:
    page = watched.open(f"?model={attending}")
    drop(page, photo_file(), "holiday.png", "image/png")
    expect(page).to_have_url(re.compile("analysis="), timeout=15_000)
    expect(page.get_by_role("button", name="Samples")).to_contain_text("Your photo")
    assert page.evaluate(
        "[...document.querySelectorAll('.photo')].map((c) => [c.width, c.height])"
    ) == [[320, 200]]
    page.keyboard.press("h")
    page.keyboard.press("]")
    hover(page, 0.5, 0.5)
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"query=\d+,\d+"))
    said, shown = sentence(page), pixels(page)

    context = browser.new_context(viewport={"width": 1280, "height": 800})
    again = watch(context, watched.server)
    again.page.goto(page.url)
    expect(again.page.locator("#sentence")).to_have_text(said)
    page.mouse.move(5, 5)
    np.testing.assert_array_equal(pixels(again.page), shown)
    assert again.complaints == []
    context.close()


def test_a_pasted_photo(watched: Watched, attending: str) -> None:
    import base64

    page = watched.open(f"?model={attending}")
    page.evaluate(
        DROP.replace('["dragenter", "dragover", "drop"]', '["paste"]').replace(
            "DragEvent(event, { dataTransfer:", "ClipboardEvent(event, { clipboardData:"
        ),
        [base64.b64encode(photo_file(64, 64)).decode(), "a.png", "image/png"],
    )
    expect(page).to_have_url(re.compile("analysis="))


def test_what_is_no_photo_is_refused_and_the_picture_stays(
    watched: Watched, attending: str
) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}")
    said = sentence(page)
    watched.expected = "the server responded with a status of 4"
    drop(page, b"This is text.", "photo.jpg", "image/jpeg")
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    assert len(alert.inner_text().split()) > 5
    assert sentence(page) == said
    assert "sample=chelsea" in page.url
    alert.get_by_role("button", name="Close").click()
    expect(alert).to_be_hidden()


def test_a_link_to_what_is_gone_says_what_to_do(watched: Watched) -> None:
    watched.expected = "the server responded with a status of 4"
    watched.page.goto(f"{watched.server}/?analysis=0000000000000000")
    alert = watched.page.get_by_role("alert")
    expect(alert).to_be_visible()
    alert.get_by_role("button", name="Start with a sample").click()
    expect(watched.page.locator("#sentence")).not_to_be_empty(timeout=30_000)


def test_unknown_places_are_a_matrix_with_a_note(watched: Watched, attending: str) -> None:
    def without_places(route, request) -> None:  # type: ignore[no-untyped-def]
        if request.method != "POST":
            return route.continue_()
        response = route.fetch()
        answer = response.json()
        for site in answer["sites"]:
            site.update(grid=None, query_grid=None, key_grid=None)
            site.update(note="The order of these tokens is not known.")
        return route.fulfill(response=response, json=answer)

    watched.page.route("**/v1/analyses", without_places)
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04")
    expect(page.locator("#sentence")).to_contain_text("every query (rows) against every key")
    expect(page.locator("#sentence")).to_contain_text("not known")
    size = page.evaluate(
        "[...document.querySelectorAll('.second canvas')].map((c) => [c.width, c.height])"
    )
    assert size == [[197, 197]]


def test_without_webgl_the_pixels_are_the_same(watched: Watched, attending: str) -> None:
    view = f"?sample=chelsea&model={attending}&site=s04&opacity=0.8"
    for options in ("", "&smooth=1"):
        page = watched.open(f"{view}{options}&renderer=webgl")
        assert page.evaluate(
            "document.querySelector('#frame .overlay').getContext('webgl2') !== null"
        )
        with_webgl = pixels(page).astype(int)
        page = watched.open(f"{view}{options}&renderer=canvas")
        assert page.evaluate("document.querySelector('#frame .overlay').getContext('2d') !== null")
        without = pixels(page).astype(int)
        assert with_webgl.shape == without.shape
        # A smoothed value may round to the neighbouring step; 8 bits of alpha cost a level or two.
        assert np.abs(with_webgl - without).max() <= (12 if options else 3)


def test_a_lost_context_goes_on_without_webgl(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04&renderer=webgl")
    before = pixels(page).astype(int)
    page.evaluate(
        "document.querySelector('#frame .overlay').getContext('webgl2')"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    expect(page.locator("#frame .overlay")).to_have_count(1)
    page.wait_for_timeout(200)
    assert page.evaluate("document.querySelector('#frame .overlay').getContext('2d') !== null")
    assert np.abs(pixels(page).astype(int) - before).max() <= 3


def test_export_is_the_photo_with_the_map_and_its_sentence(
    watched: Watched, attending: str, tmp_path: Path
) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}&site=s04")
    with page.expect_download() as download:
        page.keyboard.press("e")
    target = tmp_path / "export.png"
    download.value.save_as(target)
    with Image.open(target) as picture:
        exported = np.array(picture.convert("RGB")).astype(float)
    assert exported.shape[1] == 2 * 451
    assert exported.shape[0] > 2 * 300  # the legend and the sentence stand below

    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    values = attention(watched, "s04", query="cls", head="mean")
    colours = colour_cells(watched.server, values, "inferno")
    with urllib.request.urlopen(f"{watched.server}{analysis['links']['image']}") as answer:
        photo = np.array(Image.open(io.BytesIO(answer.read())).convert("RGB")).astype(float)
    for row, column in ((2, 3), (7, 7), (11, 9)):
        x, y = cell_centre(analysis, row, column, *values.shape)
        wanted = 0.6 * colours[row, column] + 0.4 * photo[int(y), int(x)]
        # The photo is enlarged by the browser's own smoothing.
        assert np.abs(exported[int(2 * y), int(2 * x)] - wanted).max() < 12


def test_theme_follows_the_system_and_the_button(watched: Watched, attending: str) -> None:
    page = watched.open(f"?sample=chelsea&model={attending}")
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


def test_on_a_phone(phone: Watched, attending: str) -> None:
    page = phone.open(f"?sample=chelsea&model={attending}&site=s04")
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


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["file"] for sample in SAMPLES])
def test_samples_are_credited(sample: dict[str, str]) -> None:
    file = ROOT / "frontend/samples" / sample["file"]
    assert file.stat().st_size <= 120_000
    assert {"title", "credit", "licence", "source", "model", "kind"} <= sample.keys()
