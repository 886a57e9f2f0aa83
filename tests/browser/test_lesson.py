"""The lesson: every chapter in both languages, with its numbers held against the API's."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watched, open_watched
from tests.browser.lesson_numbers import TWINS
from tests.browser.test_language import english

ROOT = Path(__file__).parents[2]
CHAPTERS = ROOT / "frontend/learn/chapters"
ABOUT = sorted(
    (
        {"slug": path.parent.name, **json.loads(path.read_text())}
        for path in CHAPTERS.glob("*/about.json")
    ),
    key=lambda about: about["order"],
)
SLUGS = [about["slug"] for about in ABOUT]
READY = "main[data-ready='{}']"


def open_lesson(watched: Watched, slug: str, query: str = "") -> Page:
    page = watched.page
    page.goto(f"{watched.server}/learn/{slug}{query}")
    expect(page.locator(READY.format(slug))).to_be_attached()
    return page


def live_numbers(page: Page) -> list[dict[str, Any]]:
    return page.evaluate(
        """() => [...document.querySelectorAll("[data-live]")].map(
            ({dataset, className}) => ({...dataset, waiting: className.includes("waiting")}))"""
    )


def of_the_api(server: str) -> Callable[[str], Any]:
    """What is at `path#/a/json/pointer`."""
    kept: dict[str, Any] = {}

    def at(source: str) -> Any:
        path, _, pointer = source.partition("#/")
        if path not in kept:
            with urllib.request.urlopen(f"{server}/{path}") as answer:
                kept[path] = json.load(answer)
        value = kept[path]
        for key in pointer.split("/"):
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value

    return at


def check_numbers(page: Page, server: str, slug: str) -> set[str]:
    """Every live number is the API's, or what the chapter's twin computes from the API's."""
    at, numbers = of_the_api(server), live_numbers(page)
    assert numbers, f"{slug} has no live number"
    state = {one["live"]: one.get("value") for one in numbers}
    for one in numbers:
        name = f"{slug}: {one['live']}"
        assert not one["waiting"], name
        assert one["value"] not in ("NaN", "undefined", "null"), name
        if "from" in one:
            value = at(one["from"])
        else:
            assert one["live"] in TWINS[slug], f"{name} comes from nowhere"
            value = TWINS[slug][one["live"]](page, at, state)
        if isinstance(value, str):
            assert one["value"] == value, name
        else:
            assert float(one["value"]) == pytest.approx(value, rel=2e-4, abs=2e-6), name
    return set(state)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_chapter_is_walked_by_keyboard(watched: Watched, language: str) -> None:
    """From the first to the last by the link to the next one, answering what is asked. On the way
    every number is held against the API.
    """
    page = open_lesson(watched, SLUGS[0], f"?lang={language}")
    for slug, about in zip(SLUGS, ABOUT, strict=True):
        expect(page.locator(READY.format(slug))).to_be_attached()
        expect(page.locator("h1")).to_have_text(about["title"][language])
        assert page.evaluate("document.documentElement.lang").startswith(language)
        assert page.locator(".live.waiting").count() == 0, slug
        assert page.locator(".questions > li").count() == 3, slug
        if language == "en":
            check_numbers(page, watched.server, slug)
        else:
            sentences = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")  # terms stand in both
            assert not [text for text in english(page) if sentences.search(text)], slug
        text = page.locator("main").inner_text()
        assert ("的" in text) == (language == "zh"), slug
        for question in page.locator(".questions > li").all():
            right = int(question.get_attribute("data-answer") or -1)
            question.locator(".choice").nth(right).focus()
            page.keyboard.press("Enter")
            expect(question.locator(".choice").nth(right)).to_have_class("choice right")
            expect(question.locator(".choice").nth(right)).to_be_focused()
            expect(question.locator(".verdict")).not_to_be_empty()
        page.locator("a[rel=next]").focus()
        page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/learn/(\?.*)?$"))
    expect(page.locator("main h1")).to_be_visible()


def test_the_overview_draws_a_network_of_ones_own(watched: Watched) -> None:
    """From what capture sees of it: a coordinate attention that no chapter names, and a ViT."""
    for model, stages in (("heads_12", ["attention", "feed-forward"]), ("strips", ["strip-gate"])):
        page = watched.page
        page.goto(f"{watched.server}/learn/?model={model}&lang=en")
        expect(page.locator("main[data-ready=overview]")).to_be_attached(timeout=30_000)
        seen = page.locator(".flow li").evaluate_all("all => all.map((one) => one.dataset.stage)")
        assert seen[0] == "input"
        assert seen[-1] == "answer"
        assert set(stages) <= set(seen)
        assert page.locator(".flow canvas, .flow img").count() >= len(seen) - 1


def test_a_question_asked_with_the_wrong_choice_says_so(watched: Watched) -> None:
    page = open_lesson(watched, "attention", "?lang=en")
    question = page.locator(".questions > li").first
    wrong = 1 - int(question.get_attribute("data-answer") or 0)
    question.locator(".choice").nth(wrong).click()
    expect(question.locator(".verdict b")).to_have_text("Not here.")


def test_touching_the_figure_changes_the_numbers(watched: Watched) -> None:
    page = open_lesson(watched, "attention", "?lang=en")
    before = {one["live"]: one["value"] for one in live_numbers(page)}
    picker = page.locator(".photo .picker")
    picker.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-live=keyRow]").first).not_to_have_attribute(
        "data-value", before["keyRow"]
    )
    expect(page.locator(READY.format("attention"))).to_be_attached()
    expect(picker).to_be_focused()
    check_numbers(page, watched.server, "attention")


def test_a_number_and_its_place_light_each_other_up(watched: Watched) -> None:
    """Number → patch, bar, class; bar → number; and a step's numbers one by one by keyboard."""
    page = open_lesson(watched, "softmax", "?lang=en")
    outlines = page.locator(".photo .marks .lit")
    expect(outlines).to_have_count(0)
    scaled = page.locator("[data-step=scale] [data-live=scaled]").first
    scaled.hover()
    expect(outlines).to_have_count(1)
    expect(page.locator("[data-live=scaled]").last).to_have_class(re.compile(r"\blit\b"))
    page.locator("[data-step=mix] [data-live=o0]").first.hover()
    expect(outlines).to_have_count(0)
    lit = page.locator("[data-step=mix] rect.lit")
    expect(lit).to_have_attribute("data-bar", "output 0")
    page.mouse.move(0, 0)
    expect(lit).to_have_count(0)
    track = page.locator("[data-step=mix] .bar-track")
    box = track.bounding_box()
    assert box is not None
    track.hover(position={"x": 0.4 * box["width"] / 64, "y": box["height"] / 2})
    expect(page.locator("[data-live=o0]").first).to_have_class(re.compile(r"\blit\b"))

    step = page.locator("[data-step=scale]")
    step.focus()
    expect(step.locator(".live.lit").nth(1)).to_be_attached()
    page.keyboard.press("ArrowRight")
    first = step.locator(".live").first.get_attribute("data-live")
    expect(step.locator(".live.lit").first).to_have_attribute("data-live", first or "")
    page.keyboard.press("ArrowRight")
    expect(step.locator(".live.lit").first).not_to_have_attribute("data-live", first or "")
    page.keyboard.press("Tab")
    expect(page.locator(".live.lit, [data-step=scale] .lit")).not_to_have_count(0)  # the next step

    page = open_lesson(watched, "heads", "?lang=en")
    page.locator("[data-live=before]").first.hover()
    expect(page.locator(".answer-row.lit")).to_have_count(1)
    page.locator(".answer-row").first.hover()
    expect(page.locator("[data-live=top]").first).to_have_class(re.compile(r"\blit\b"))


def test_edits_are_passes_of_the_network(watched: Watched) -> None:
    """What a figure switches is what the API answers for the edit."""
    page = open_lesson(watched, "heads", "?lang=en")
    page.get_by_role("radio", name="1", exact=True).click()
    expect(page.locator(".answer-number").first).to_contain_text("→")
    expect(page.locator(READY.format("heads"))).to_be_attached()
    check_numbers(page, watched.server, "heads")

    page = open_lesson(watched, "se", "?lang=en")
    page.get_by_role("radio", name="shut (0)").click()
    expect(page.locator(".answer-number").first).to_contain_text("→")

    page = open_lesson(watched, "spatial-transformer", "?lang=en")
    page.get_by_role("slider").first.fill("0")
    expect(page.locator("[data-live=area]").first).to_have_attribute("data-value", "1")
    expect(page.locator(READY.format("spatial-transformer"))).to_be_attached()
    check_numbers(page, watched.server, "spatial-transformer")
    for name in ("feature map", "signs: photo"):
        page.get_by_role("radio", name=name).click()
        expect(page.locator(READY.format("spatial-transformer"))).to_be_attached()
        expect(page.locator(".live.waiting")).to_have_count(0)
        check_numbers(page, watched.server, "spatial-transformer")
    page.get_by_role("slider").first.fill("0")
    page.get_by_role("button", name="Middle of the window").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-live=t2]").first).to_have_attribute(
        "data-value", re.compile("^0.05")
    )


def test_what_the_reader_paints_is_counted(watched: Watched) -> None:
    page = open_lesson(watched, "what", "?lang=en")
    before = float(page.locator("[data-live=mass]").first.get_attribute("data-value") or 0)
    page.locator(".photo .picker").focus()
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    count = page.locator("[data-live=count]").first
    expect(count).to_have_attribute("data-value", "5")
    assert float(page.locator("[data-live=mass]").first.get_attribute("data-value") or 0) > before
    page.get_by_role("radio", name="my patches").click()
    expect(page.locator(".answer-number").first).to_contain_text("→")


def test_a_caption_is_read_word_by_word(watched: Watched) -> None:
    page = open_lesson(watched, "decoder", "?lang=en")
    page.locator(".word").nth(2).click()
    expect(page.locator(".word").nth(2)).to_be_focused()
    expect(page.locator("[data-live=number]").first).to_have_attribute("data-value", "2")
    expect(page.locator(READY.format("decoder"))).to_be_attached()
    check_numbers(page, watched.server, "decoder")
    row = page.locator(".cells-table tbody tr").nth(2)
    expect(row).to_contain_text("−∞")
    page.get_by_label("mask the future").uncheck()
    expect(row).not_to_contain_text("−∞")


def test_a_photo_of_ones_own_goes_from_chapter_to_chapter(watched: Watched) -> None:
    page = open_lesson(watched, "attention", "?lang=en")
    page.locator("#own-photo").set_input_files(ROOT / "frontend/samples/coffee.jpg")
    expect(page.locator("select").first).to_contain_text("Your photo")
    expect(page).to_have_url(re.compile(r"photo=[0-9a-f]{20}"))
    name = re.search(r"photo=([0-9a-f]{20})", page.url)
    page.reload()
    expect(page.locator("select").first).to_have_value("")
    assert name is not None
    assert name[1] in page.url
    expect(page.locator(READY.format("attention"))).to_be_attached()


def test_a_language_is_chosen_and_remembered(watched: Watched) -> None:
    page = open_lesson(watched, "attention", "?lang=en")
    page.get_by_role("radio", name="1", exact=True).click()
    page.get_by_role("button", name="中文").click()
    expect(page).to_have_url(re.compile("lang=zh"))
    expect(page.locator("h1")).to_have_text("查询、键、值")
    expect(page.get_by_role("radio", name="1", exact=True)).to_be_checked()  # what was set stays
    open_lesson(watched, "attention")
    expect(page.locator("h1")).to_have_text("查询、键、值")


def test_the_lesson_lies_under_a_path_too(watched: Watched) -> None:
    request = urllib.request.Request(
        f"{watched.server}/learn?photo=coffee", headers={"X-Forwarded-Prefix": "/here"}
    )
    opener = urllib.request.build_opener(_Stay)
    assert opener.open(request).headers["Location"].endswith("/learn/?photo=coffee")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None

    def http_error_307(self, _req: Any, fp: Any, *_: Any) -> Any:
        return fp


def test_the_camera_takes_the_photo(browser: Browser, server: str) -> None:
    """Chromium's own test picture stands for a camera."""
    for watched in open_watched(browser, server, permissions=["camera"]):
        page = open_lesson(watched, "attention", "?lang=en")
        page.evaluate(
            """() => {
              const canvas = document.createElement("canvas");
              [canvas.width, canvas.height] = [320, 240];
              canvas.getContext("2d").fillRect(80, 60, 160, 120);
              navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(5);
              setInterval(() => canvas.getContext("2d").fillRect(90, 60, 150, 120), 100);
            }"""
        )
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Take the photo").click()
        expect(page.locator("select").first).to_contain_text("Your photo")
        expect(page).to_have_url(re.compile(r"photo=[0-9a-f]{20}"))
