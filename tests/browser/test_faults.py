"""Faults that people met, each as its kind."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.acting import drop, photo_file
from tests.browser.conftest import MANY_HEADS, Watched
from tests.browser.looking import analysis_of, sentence

pytestmark = pytest.mark.browser


def test_a_token_of_a_tnt_is_followed_in_numbers(watched: Watched) -> None:
    """Patches begin as nothing: what is added first is all of them, and no share of zero."""
    page = watched.open("?sample=sunflower&model=tnt&tab=how&query=3,3")
    stream = page.locator(".stream")
    expect(stream.locator("tbody tr").first).to_be_visible()
    assert not re.search("Infinity|NaN|another layer", stream.inner_text())
    expect(stream).to_contain_text("its words, projected")
    widths = stream.locator("rect").evaluate_all("all => all.map((r) => r.getAttribute('width'))")
    assert all(0 < float(width) <= 100 for width in widths)


@pytest.mark.parametrize("query", ["99,99", "3,99", "5000"])
def test_a_query_that_does_not_exist_is_not_pinned(watched: Watched, query: str) -> None:
    page = watched.open(f"?sample=sunflower&model=vit&query={query}")
    assert "the class token" in sentence(page)
    expect(page.locator("#panel-look")).not_to_contain_text("a pinned patch")
    expect(page.locator(".hint")).not_to_contain_text("Pinned")
    expect(page).not_to_have_url(re.compile("query="))


def test_the_whole_id_of_the_analysis_is_told(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&tab=numbers")
    expect(page.locator("#panel-numbers code").last).to_have_text(analysis_of(page))


def test_models_of_the_folder_are_not_on_the_hub(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    page.locator("#model").click()
    own = page.locator(".cards section", has_text="On this machine")
    for heads in MANY_HEADS:
        expect(own.locator(".card-title", has_text=f"{heads} heads")).to_have_count(1)
    expect(page.locator(".cards h3", has_text="On the hub")).to_have_count(0)


def test_the_title_says_what_is_open_and_the_theme_is_remembered(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=heads_12")
    expect(page).to_have_title("Sunflower · 12 heads · Fovea")
    page.keyboard.press("t")
    theme = page.locator("html").get_attribute("data-theme")
    assert theme == "light"
    watched.open("?sample=sunflower&model=vit")
    assert page.locator("html").get_attribute("data-theme") == theme


def test_pictures_have_names_and_the_page_a_heading(watched: Watched) -> None:
    for view in ("sample=digit_turned&model=stn_digits", "sample=sunflower&model=tnt&site=s05"):
        page = watched.open(f"?{view}")
        expect(page.locator("h1")).to_have_count(1)
        nameless = page.locator("canvas[role=img]:visible:not([aria-label])")
        expect(nameless).to_have_count(0)


def test_what_is_said_is_never_of_the_photo_before(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&method=relevance")
    before = sentence(page)
    page.evaluate(
        """() => {
          window.seen = [];
          const title = document.querySelector("#sentence");
          const photo = document.querySelector("#frame canvas.photo");
          const look = () => window.seen.push([photo.width, title.textContent]);
          new MutationObserver(look).observe(title, { childList: true });
          new MutationObserver(look).observe(photo, { attributes: true });
        }"""
    )
    drop(page, photo_file(), "mine.png", "image/png")
    expect(page.locator("#sentence")).not_to_have_text(before)
    expect(page.locator("#sentence")).not_to_be_empty()
    assert [
        text for width, text in page.evaluate("window.seen") if width == 320 and text == before
    ] == []


def test_going_back_from_a_view_that_another_model_lacks(watched: Watched) -> None:
    page = watched.open("?sample=digit_turned&model=stn_digits")
    page.evaluate(
        """() => {
          history.pushState(null, "", "?model=captioner");
          dispatchEvent(new PopStateEvent("popstate"));
        }"""
    )
    expect(page.locator("#sentence")).to_contain_text("where the network looked")


def test_a_busy_server_is_asked_again_when_it_says(watched: Watched) -> None:
    watched.expected = "429"
    refused = []

    def busy(route: Route) -> None:
        if not refused:
            refused.append(route.request.url)
            problem = {"title": "Too many requests", "status": 429, "detail": "Wait."}
            return route.fulfill(status=429, headers={"Retry-After": "1"}, json=problem)
        return route.continue_()

    watched.page.route("**/v1/analyses", busy)
    page = watched.open("?sample=sunflower&model=vit")
    assert refused
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_photo_outlives_a_server_that_forgot_it(watched: Watched) -> None:
    """What made room for others is posted again, without a word; its id is the same."""
    watched.expected = "410"
    page = watched.open("?sample=sunflower&model=vit")
    drop(page, photo_file(), "mine.png", "image/png")
    expect(page).to_have_url(re.compile("analysis="))
    mine = analysis_of(page)
    forgotten = []

    def forget(route: Route) -> None:
        if forgotten:
            return route.continue_()
        forgotten.append(route.request.url)
        gone = {"type": "/problems/analysis-gone", "title": "Gone", "status": 410}
        return route.fulfill(status=410, json=gone)

    page.route("**/maps/rollout*", forget)
    with page.expect_request(lambda one: one.method == "POST") as posted:
        page.get_by_role("radio", name="Rollout", exact=True).click()
    assert posted.value.url.split("?")[0].endswith("/v1/analyses")
    expect(page.locator("#sentence")).to_contain_text("Rollout")
    expect(page.get_by_role("alert").filter(has_text="Gone")).to_have_count(0)
    assert analysis_of(page) == mine


def test_what_failed_can_be_tried_again(watched: Watched) -> None:
    watched.expected = "ERR_"
    page = watched.open("?sample=sunflower&model=vit")
    page.route("**/maps/rollout*", lambda route: route.abort("connectionrefused"))
    page.get_by_role("radio", name="Rollout", exact=True).click()
    again = page.get_by_role("alert").get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    page.unroute("**/maps/rollout*")
    again.click()
    expect(page.locator("#sentence")).to_contain_text("Rollout")
    expect(again).to_have_count(0)
