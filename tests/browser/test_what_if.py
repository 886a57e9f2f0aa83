"""What if: edits made on the page change the answer as the API says they do."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.looking import get, seen_cells, sentence

pytestmark = pytest.mark.browser

VIT = "?sample=sunflower&model=vit&tab=what-if"
GATES = "?sample=sunflower&model=se_resnet&tab=what-if"
DIGITS = "?sample=digit_turned&model=stn_digits&tab=what-if"


"""A pass of the network on a machine that has other things to do."""


def has(page: Page, text: str) -> None:
    """The list of edits says so, once the edited pass has ended."""
    expect(page.locator(".edits li")).to_contain_text(text)


def has_edits(page: Page, count: int) -> None:
    expect(page.locator(".edits li")).to_have_count(count)


def base_of(page: Page) -> str:
    """The id of the analysis that edits were asked of."""
    entries = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    edits = [entry for entry in entries if entry.endswith("/edits")]
    return str(edits[-1].split("/v1/analyses/")[1].split("/")[0])


def edited(watched: Watched, *edits: dict[str, Any]) -> Any:
    """What the API answers to these edits of the shown analysis."""
    request = urllib.request.Request(
        f"{watched.server}/v1/analyses/{base_of(watched.page)}/edits",
        json.dumps({"edits": edits}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def number(text: str) -> float:
    return float(text.replace("−", "-").replace("< ", "").replace(" %", ""))


def told(page: Page) -> dict[int, list[tuple[float, float]]]:
    """By class, what the bars say before and after: per cent and logit."""
    found = {}
    for row in page.locator(".changes li").all():
        lines = [line.inner_text().split(" · ") for line in row.locator(".number").all()]
        found[int(row.get_attribute("data-class") or "")] = [
            (number(score), number(logit)) for score, logit in lines
        ]
    return found


def shows(watched: Watched, answer: Any) -> None:
    """The bars say what the API says, of the top five of both, in its order."""
    rows = told(watched.page)
    classes = answer["change"]["classes"]
    assert list(rows) == [entry["index"] for entry in classes]
    for entry in classes:
        for (score, logit), when in zip(rows[entry["index"]], ("before", "after"), strict=True):
            assert score == pytest.approx(100 * entry[when]["score"], abs=0.51)
            assert logit == pytest.approx(entry[when]["logit"], rel=0.01, abs=1e-3)


def edits_in(page: Page) -> Any:
    """The edits that the address holds."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)
    return json.loads(query.get("edits", ["[]"])[0])


def made(page: Page) -> list[str]:
    return [
        text.removesuffix("Remove").strip() for text in page.locator(".edits li").all_inner_texts()
    ]


def test_a_head_switched_off_changes_the_answer_as_the_api_says(watched: Watched) -> None:
    page = watched.open(f"{VIT}&site=s05")
    page.get_by_role("button", name="Switch head 0 off").click()
    has_edits(page, 1)
    one = {"edit": "off", "site": "s05", "heads": [0]}
    answer = edited(watched, one)
    shows(watched, answer)
    assert any(entry["before"] != entry["after"] for entry in answer["change"]["classes"])
    # The button has the focus again, so the keyboard goes on from there.
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "Switch head 0 off"
    page.get_by_role("button", name="Switch head 2 off").click()
    has(page, "heads 0, 2 off")
    shows(watched, edited(watched, {**one, "heads": [0, 2]}))
    expect(page.locator("#sentence")).to_contain_text("Edited: Attention 0")


def test_the_stage_draws_the_edited_map_and_the_one_before(watched: Watched) -> None:
    view = f"{VIT}&site=s06&query=cls&renderer=canvas&fade=even"
    page = watched.open(view)
    page.get_by_role("button", name="Look equally").click()
    expect(page.locator("#sentence")).to_contain_text("Edited:")
    answer = edited(watched, {"edit": "uniform", "site": "s06"})
    rows, columns = 14, 14
    even = seen_cells(page, answer, rows, columns).reshape(-1, 3)
    assert np.ptp(even.astype(int), axis=0).max() <= 2  # equal shares have one colour
    page.get_by_role("radio", name="Before").click()
    expect(page.locator("#sentence")).not_to_contain_text("Edited:")
    before = seen_cells(page, answer, rows, columns).reshape(-1, 3)
    assert np.ptp(before.astype(int), axis=0).max() > 50
    page.get_by_role("radio", name="After").click()
    expect(page.locator("#sentence")).to_contain_text("Edited:")


def test_undo_remove_and_reset(watched: Watched) -> None:
    page = watched.open(f"{VIT}&site=s05")
    page.get_by_role("button", name="Skip the layer").click()
    has_edits(page, 1)
    page.get_by_role("button", name="Shuffle").click()
    has_edits(page, 2)
    assert made(page) == ["Attention 0: layer skipped", "Positions shuffled"]
    page.get_by_role("button", name="Undo").click()
    has_edits(page, 1)
    shows(watched, edited(watched, {"edit": "skip", "site": "s05"}))
    page.get_by_role("button", name="Remove: Attention 0: layer skipped").click()
    has_edits(page, 0)
    expect(page.locator(".changes")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    has_edits(page, 1)
    page.get_by_role("button", name="Reset").click()
    has_edits(page, 0)
    assert "Edited" not in sentence(page)
    page.wait_for_url(lambda url: "edits=" not in url)


def test_the_address_restores_the_edits(watched: Watched) -> None:
    page = watched.open(f"{VIT}&site=s05")
    page.get_by_label("Temperature").fill("2")
    page.get_by_role("button", name="Apply").click()
    has(page, "scores divided by 2")
    page.wait_for_url("**edits=**")
    assert edits_in(page) == [{"edit": "temperature", "site": "s05", "temperature": 2}]
    rows, drawn = told(page), sentence(page)
    page.reload()
    expect(page.locator("#sentence")).to_contain_text("Edited:")
    has(page, "scores divided by 2")
    assert told(page) == rows
    assert sentence(page) == drawn


def test_a_channel_is_shut_by_its_bar(watched: Watched) -> None:
    page = watched.open(GATES)
    bar = page.get_by_role("button", name="Shut channel 3", exact=True)
    bar.click()
    has(page, "channel 3 shut")
    expect(bar).to_have_attribute("aria-pressed", "true")
    [edit] = edits_in_address(page)
    shows(watched, edited(watched, {"edit": "shut", "site": edit["site"], "channels": [3]}))
    bar.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    has(page, "channels 3, 4 shut")


def edits_in_address(page: Page) -> Any:
    page.wait_for_url("**edits=**")
    return edits_in(page)


def test_theta_is_made_the_identity_typed_and_dragged(watched: Watched) -> None:
    page = watched.open(DIGITS)
    page.get_by_role("button", name="Identity").click()
    has(page, "θ is the identity")
    site = edits_in_address(page)[0]["site"]
    answer = edited(watched, {"edit": "identity", "site": site})
    shows(watched, answer)
    expect(page.get_by_label("θ, row 1, column 1")).to_have_value("1")
    theta = get(watched.server, f"/v1/analyses/{answer['id']}/sites/{site}/grid")["theta"]
    np.testing.assert_allclose(theta, [[1, 0, 0], [0, 1, 0]])
    page.get_by_label("θ, row 1, column 3").fill("0.25")
    page.get_by_role("button", name="Apply θ").click()
    has(page, "another θ")
    page.wait_for_url(lambda url: "0.25" in url)
    assert edits_in(page)[0]["theta"] == [[1, 0, 0.25], [0, 1, 0]]
    # The middle moves it to the left: a step of the keyboard.
    page.get_by_role("button", name="Middle of the window").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda url: "0.2%5D" in url)
    assert edits_in(page)[0]["theta"] == [[1, 0, 0.2], [0, 1, 0]]
    # A corner dragged to the opposite one makes the window smaller, about that corner.
    corner = page.get_by_role("button", name="Corner, lower right").bounding_box()
    drawing = page.locator(".theta-drawing").bounding_box()
    assert corner
    assert drawing
    x, y = corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2
    by = drawing["width"] / 3  # one unit of −1…1
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - by, y - by, steps=4)
    page.mouse.up()
    page.wait_for_url(lambda url: "0.2%5D" not in url)
    [[a, b, tx], [c, d, ty]] = edits_in(page)[0]["theta"]
    np.testing.assert_allclose([a, b, c, d], [0.5, 0, 0, 0.5], atol=0.03)
    np.testing.assert_allclose([tx, ty], [-0.3, -0.5], atol=0.03)


def test_patches_are_brushed_and_hidden_and_the_pinned_one_is_blocked(watched: Watched) -> None:
    page = watched.open(f"{VIT}&site=s05&query=5,6")
    page.get_by_role("button", name="Block as keys").click()
    has(page, "row 5, column 6 blocked as keys")
    shows(watched, edited(watched, {"edit": "block", "site": "s05", "keys": [[5, 6]]}))
    page.get_by_role("button", name="Reset").click()
    has_edits(page, 0)
    page.get_by_role("button", name="Brush on the photo").click()
    box = page.locator("#frame").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=12)
    page.mouse.up()
    count = int(
        re.findall(r"Brushed: (\d+) patches", page.locator(".what-if-controls").inner_text())[0]
    )
    assert count >= 3
    page.get_by_label("What hides a patch").select_option("grey")
    page.get_by_role("button", name="Hide with").click()
    has(page, f"{count} patches of the photo hidden (grey)")
    [edit] = edits_in_address(page)
    assert (edit["edit"], edit["fill"], len(edit["cells"])) == ("hide", "grey", count)
    shows(watched, edited(watched, edit))
    # The photo on the stage is the one that the network saw.
    grey = page.evaluate(
        "() => { const c = document.querySelector('#frame .photo');"
        " const p = c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data;"
        " return [...p.slice(0, 3)]; }"
    )
    assert max(grey) - min(grey) <= 3


def test_a_refusal_stands_where_it_was_asked_for_and_changes_nothing(watched: Watched) -> None:
    watched.expected = "422"
    page = watched.open(f"{VIT}&site=s05")
    page.get_by_role("button", name="Switch head 1 off").click()
    has_edits(page, 1)
    rows = told(page)
    page.evaluate("document.querySelector('.what-if-controls form').noValidate = true")
    page.get_by_label("Temperature").fill("-1")
    with page.expect_response(lambda answer: answer.status == 422) as refused:
        page.get_by_role("button", name="Apply").click()
    problem = refused.value.json()
    note = page.locator(".what-if-controls section", has_text="Divide the scores").get_by_role(
        "alert"
    )
    expect(note).to_contain_text(problem["detail"])
    if problem.get("hint"):
        expect(note).to_contain_text(problem["hint"])
    assert told(page) == rows
    assert made(page) == ["Attention 0: head 1 off"]
    page.get_by_role("button", name="Switch head 1 off").click()
    has_edits(page, 0)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_link_with_edits_that_make_no_sense_says_so(watched: Watched) -> None:
    watched.expected = "422"
    edits = urllib.parse.quote(json.dumps([{"edit": "shut", "site": "s05", "channels": [0]}]))
    page = watched.open(f"?sample=sunflower&model=vit&edits={edits}")
    expect(page.locator(".what-if-outcome").get_by_role("alert")).to_contain_text("s05")
    assert "Edited" not in sentence(page)
