"""How it works, step by step: the page's bars and maps are the numbers that the API tells."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.acting import hover
from tests.browser.conftest import Watched
from tests.browser.looking import analysis_of, get

pytestmark = pytest.mark.browser

HEIGHTS = """(svg) =>
  [...svg.querySelectorAll("rect")].map((bar) => Number(bar.getAttribute("height")))"""


def told(watched: Watched, site: str, **asked: Any) -> list[dict[str, Any]]:
    path = f"/v1/analyses/{analysis_of(watched.page)}/sites/{site}/steps"
    steps: list[dict[str, Any]] = get(watched.server, path, **asked)["steps"]
    return steps


def lines(page: Page) -> Any:
    return page.locator(".walkthrough .steps > li")


def test_a_gate_from_squeeze_to_scale(watched: Watched) -> None:
    page = watched.open("?sample=chelsea&model=se_resnet&site=s02&channel=7&tab=how")
    steps = told(watched, "s02")
    expect(lines(page)).to_have_count(len(steps))
    for number, step in enumerate(steps):
        line = lines(page).nth(number)
        expect(line).to_contain_text(step["sentence"])
        values = np.array(step["values"])
        heights = np.array(line.locator("svg").evaluate(HEIGHTS))
        # The tallest bars aside, every height is its number's share of the whole range.
        span = max(0, values.max()) - min(0, values.min())
        np.testing.assert_allclose(heights, np.maximum(np.abs(values) / span, 0.01), atol=1e-4)
        own = float(re.sub("−", "-", line.locator(".formula").inner_text().split("= ")[-1])) \
            if len(values) == len(steps[0]["values"]) else None  # fmt: skip
        assert own is None or own == pytest.approx(values[7], rel=0.01, abs=1e-3)


def test_attention_goes_on_to_the_output_and_follows_the_pointer(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&tab=how&head=1")
    site = str(page.locator(".site[aria-checked=true]").get_attribute("data-site"))
    steps = told(watched, site, query="cls", head=1)
    expect(page.locator(".walkthrough")).to_contain_text("head 1: how the class token")
    expect(lines(page)).to_have_count(len(steps))
    for number, step in enumerate(steps):
        expect(lines(page).nth(number)).to_contain_text(step["sentence"])
    formulas = [
        line.replace("\n", "") for line in lines(page).locator(".formula").all_inner_texts()
    ]
    assert formulas[2:5] == ["sj = q · kj", "s′j = sj / √d", "pj = exp(s′j) / Σ exp(s′j)"]
    hover(page, 0.35, 0.5)
    expect(page.locator(".walkthrough")).to_contain_text("how the patch at row")
    expect(page.locator(".walkthrough")).not_to_have_class(re.compile("stale"))


def test_the_same_pair_by_its_cosine(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&tab=how&head=1")
    site = str(page.locator(".site[aria-checked=true]").get_attribute("data-site"))
    query, key = (np.array(step["values"]) for step in told(watched, site, query="cls", head=1)[:2])
    cosine = query @ key / np.linalg.norm(query) / np.linalg.norm(key)
    line = page.locator(".steps.unordered li").first
    expect(line).to_contain_text("leaves out how long the two vectors are")
    math = str(line.locator("math").text_content())
    shown = float(re.sub("−", "-", math.split("=")[-1]))
    assert shown == pytest.approx(cosine, rel=0.01)


def test_a_token_is_followed_through_the_network(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&query=3,4&tab=how")
    site = str(page.locator(".site[aria-checked=true]").get_attribute("data-site"))
    path = f"/v1/analyses/{analysis_of(page)}/sites/{site}/stream"
    additions = get(watched.server, path)["additions"]
    rows = page.locator(".stream-rows tbody tr")
    expect(rows).to_have_count(len(additions))
    token = 1 + 3 * 14 + 4
    for number, one in enumerate(additions):
        share, length = rows.nth(number).locator("td").all_inner_texts()[1:]
        expected = one["added"][token] / one["before"][token]
        assert float(share) == pytest.approx(expected, rel=0.01)
        assert float(length) == pytest.approx(one["after"][token], rel=0.01)
    chosen = page.locator(".stream-rows tr.chosen")
    expect(chosen).to_have_count(1)
    hover(page, 0.35, 0.5)
    expect(page.locator(".stream")).to_contain_text("the patch at row 3, column 4")  # pinned


def test_a_word_is_told_as_well(watched: Watched) -> None:
    page = watched.open("?sample=coffee&model=captioner&tab=how")
    expect(page.locator(".walkthrough")).to_contain_text("how the writing of word")
    expect(page.locator(".walkthrough canvas")).not_to_have_count(0)
    expect(lines(page).last).to_contain_text("mixed by the output matrix")


def test_a_failure_of_the_steps_is_told_in_place(watched: Watched) -> None:
    problem = {"title": "Out of memory", "status": 503, "detail": "There is no memory for it."}
    watched.page.route("**/steps*", lambda route: route.fulfill(status=503, json=problem))
    watched.expected = "503"
    page = watched.open("?sample=chelsea&model=eca_resnet&tab=how")
    expect(page.locator(".walkthrough .note")).to_have_text("There is no memory for it.")
    expect(page.locator("#panel-how h3").first).to_have_text("A gate on channels")
