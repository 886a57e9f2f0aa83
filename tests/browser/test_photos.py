"""Photos on the page: dropped, pasted, refused, linked, and the samples."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.acting import DROP, SAMPLES, drop, hover, photo_file
from tests.browser.conftest import ROOT, Attending, Watched, watch
from tests.browser.looking import pixels, sentence

pytestmark = pytest.mark.browser


def test_a_dropped_photo_and_its_link(
    watched: Watched, attending: Attending, browser: Browser
) -> None:
    page = watched.open(f"?model={attending.model}")
    drop(page, photo_file(), "holiday.png", "image/png")
    expect(page).to_have_url(re.compile("analysis="))
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


def test_a_pasted_photo(watched: Watched, attending: Attending) -> None:
    import base64

    page = watched.open(f"?model={attending.model}")
    page.evaluate(
        DROP.replace('["dragenter", "dragover", "drop"]', '["paste"]').replace(
            "DragEvent(event, { dataTransfer:", "ClipboardEvent(event, { clipboardData:"
        ),
        [base64.b64encode(photo_file(64, 64)).decode(), "a.png", "image/png"],
    )
    expect(page).to_have_url(re.compile("analysis="))


def test_what_is_no_photo_is_refused_and_the_picture_stays(
    watched: Watched, attending: Attending
) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}")
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
    expect(watched.page.locator("#sentence")).not_to_be_empty()


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["file"] for sample in SAMPLES])
def test_samples_are_credited(sample: dict[str, str]) -> None:
    file = ROOT / "frontend/samples" / sample["file"]
    assert file.stat().st_size <= 120_000
    assert {"title", "credit", "licence", "source", "model", "kind"} <= sample.keys()


def test_a_file_that_is_too_large_is_told_in_units_of_the_page(watched: Watched) -> None:
    watched.expected = "413"
    page = watched.open("?sample=sunflower&model=vit")
    page.evaluate(
        """(bytes) => {
          const dataTransfer = new DataTransfer();
          const file = new File([new Uint8Array(bytes)], "large.jpg", { type: "image/jpeg" });
          dataTransfer.items.add(file);
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""",
        34_000_000,
    )
    problem = page.get_by_role("alert").filter(has_text="too large")
    expect(problem).to_contain_text("A file may have 34 MB")
    page.get_by_role("button", name="Close").click()
    expect(problem).to_be_hidden()


def test_what_is_shown_is_in_the_names_of_its_buttons(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=se_resnet")
    expect(page.get_by_role("button", name="Samples: Sunflower")).to_be_visible()
    expect(page.get_by_role("button", name="Model: SE-ResNet · Caltech-101")).to_be_visible()


def test_photos_that_come_together_queue(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=se_resnet")
    files = [str(ROOT / "frontend/samples" / name) for name in ("coffee.jpg", "rocket.jpg")]
    page.locator("#file").set_input_files(files)
    film = page.get_by_role("group", name="Your photos")
    expect(film.get_by_role("button")).to_have_count(2)
    expect(film.locator("[aria-current]")).to_contain_text("coffee.jpg")
    film.get_by_role("button", name="rocket.jpg").click()
    expect(film.locator("[aria-current]")).to_contain_text("rocket.jpg")

    page.locator("[popovertarget=samples]").click()
    page.locator("#samples .sample", has_text="Sunflower").click()
    expect(page).to_have_url(re.compile("sample=sunflower"))
    page.locator("[popovertarget=samples]").click()
    page.locator("#samples .own .sample", has_text="coffee.jpg").click()
    expect(film.locator("[aria-current]")).to_contain_text("coffee.jpg")


def test_another_map_does_not_move_the_photo(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    before = page.locator("#frame").bounding_box()
    page.get_by_role("radio", name="Positions", exact=True).click()
    expect(page.locator("#sentence")).to_contain_text("The photo plays no part")
    assert page.locator("#frame").bounding_box() == before


@pytest.mark.parametrize("size", [(844, 390), (640, 400)])
def test_wide_and_low_the_legend_stands_beside_the_photo(
    watched: Watched, size: tuple[int, int]
) -> None:
    """A phone on its side, a page at 200 %: strip and legend are there without scrolling."""
    width, height = size
    watched.page.set_viewport_size({"width": width, "height": height})
    page = watched.open("?sample=sunflower&model=vit")
    for place in ("#frame", "#depth", "#sentence", ".legend-bar"):
        box = page.locator(place).bounding_box()
        assert box
        right, bottom = box["x"] + box["width"], box["y"] + box["height"]
        assert min(box["x"], box["y"]) >= 0 <= width - right, (place, box)
        assert bottom <= height, (place, box)


def test_the_side_grows_with_the_screen(watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 3840, "height": 2160})
    page = watched.open("?sample=sunflower&model=vit")
    box = page.locator("#inspector").bounding_box()
    assert box
    assert box["width"] == 800
