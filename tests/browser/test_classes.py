"""Any class, by search in the network's own labels, and the difference of two of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.looking import analysis_of, get

pytestmark = pytest.mark.browser

"""The first map for a class waits for passes that learn whether the network can have it."""


def analysis_path(page: Page) -> str:
    return f"/v1/analyses/{analysis_of(page)}"


def number_of(text: str) -> float:
    """As the page prints it."""
    return float(text.replace("\u2212", "-"))


def test_why_not_another_class(watched: Watched) -> None:
    """A class that is none of the five answers, found by its label, then held against another."""
    page = watched.open("?sample=sunflower&model=vit")
    labels = get(watched.server, "/v1/models/vit")["labels"]
    answers = {one["index"] for one in get(watched.server, analysis_path(page))["predictions"]}
    cat = labels.index("wild cat")
    assert cat not in answers
    page.locator("#class-search").fill("cat")
    expect(page.locator("#class-search-found button").first).to_have_text(f"wild cat{cat}")
    page.locator("#class-search-found button", has_text="wild cat").click()
    expect(page.locator("#sentence")).to_contain_text("for “wild cat”")
    expect(page).to_have_url(re.compile(f"target={cat}"))

    flower = labels.index("sunflower")
    page.locator("#against-search").fill("sunfl")
    page.keyboard.press("Enter")
    expect(page.locator("#sentence")).to_contain_text("for “wild cat” minus “sunflower”")
    expect(page).to_have_url(re.compile(f"against={flower}"))
    path = f"{analysis_path(page)}/maps/relevance"
    values = np.array(get(watched.server, path, target=cat, against=flower)["values"])
    numbers = page.locator(".legend:not(.class-legend) > .number").all_inner_texts()
    low, high = map(number_of, numbers)
    assert values.min() < 0 < values.max()
    assert low == pytest.approx(-high)
    assert high == pytest.approx(np.abs(values).max(), rel=0.01)

    page.locator("#swap-classes").click()
    expect(page.locator("#sentence")).to_contain_text("for “sunflower” minus “wild cat”")
    page.locator("#no-against").click()
    expect(page.locator("#sentence")).to_contain_text("for “sunflower”:")
    expect(page.locator("#against-search")).to_be_visible()


def test_a_class_in_the_address_has_its_label(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&method=relevance&target=0&against=1")
    labels = get(watched.server, "/v1/models/vit")["labels"]
    expect(page.locator("#sentence")).to_contain_text(f"for “{labels[0]}” minus “{labels[1]}”")


def test_what_no_class_is_called_is_said(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    page.locator("#class-search").fill("zzz(")
    expect(page.locator("#class-search").locator("xpath=..")).to_contain_text("None of its")
    assert page.locator("#class-search-found button").count() == 0


def test_a_network_without_classes_has_no_search(watched: Watched) -> None:
    page = watched.open("?model=text_transformer")
    expect(page.locator("#sentence")).not_to_be_empty()
    expect(page.locator("#class-search")).to_be_hidden()
