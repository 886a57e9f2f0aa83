"""What is sent before the first view: asked for at once, and nothing twice."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Watched

SAMPLES = Path(__file__).parents[2] / "frontend/samples"


def test_the_first_view_begins_with_one_file(watched: Watched) -> None:
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    page = watched.open("?sample=chelsea")
    modules = [url for url in asked if url.endswith(".js")]
    assert [url.rpartition("/")[2] for url in modules] == ["bundle.js"]
    page.locator("#tab-numbers").click()
    page.wait_for_timeout(1000)
    later = [url for url in asked if url.endswith(".js")]
    assert len(later) == len(set(later)) > 1


def test_the_photo_is_not_fetched_back(watched: Watched) -> None:
    """A JPEG is decoded here; of another format the server's picture is shown."""
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    page = watched.open("?sample=chelsea")
    assert not [url for url in asked if url.endswith("/image")]
    size = page.locator("canvas.photo").evaluate("(photo) => [photo.width, photo.height]")
    assert size == [451, 300]
    page.locator("#file").set_input_files(SAMPLES / "sign_priority.png")
    expect(page).to_have_title(re.compile("Your photo"))
    assert [url for url in asked if url.endswith("/image")]


def test_menus_show_small_pictures(watched: Watched) -> None:
    page = watched.open("?sample=chelsea")
    page.locator("[popovertarget=samples]").click()
    picture = page.locator("#samples img").first
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 192)


def test_the_page_opens_in_chinese_too(watched: Watched) -> None:
    page = watched.open("?sample=chelsea&lang=zh")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.get_by_role("heading", level=2, name="详情面板")).to_be_attached()
