"""Is it true: measurements and sweeps on the page say what the API says of the same map."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.looking import analysis_of, get
from tests.browser.test_what_if import edits_in, has, number

pytestmark = pytest.mark.browser

TRUTH = "?sample=sunflower&model=vit&tab=truth"
GATES = "?sample=sunflower&model=se_resnet&tab=truth"


def worked(watched: Watched, what: str, body: dict[str, Any], analysis: str | None = None) -> Any:
    """What the API finds, asked as the page asks."""
    analysis = analysis or analysis_of(watched.page)
    request = urllib.request.Request(
        f"{watched.server}/v1/analyses/{analysis}/{what}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        job = json.load(answer)
    deadline = time.monotonic() + 120
    while job["state"] in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(0.1)
        job = get(watched.server, job["links"]["self"].removeprefix(watched.server))
    assert job["state"] == "done", job
    return get(watched.server, job["result"].removeprefix(watched.server))


def facts(page: Page) -> dict[str, str]:
    """The rows of the table of scores."""
    rows = page.locator(".truth-measure table.facts tr").all()
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows}


def test_a_measurement_says_what_the_api_says_and_lies_between_its_baselines(
    watched: Watched,
) -> None:
    page = watched.open(f"{GATES}&method=grad-cam")
    page.get_by_role("button", name="Measure this map").click()
    verdict = page.locator(".truth-measure .verdict")
    expect(verdict).to_be_visible()
    body = {"map": "grad-cam", "measure": "deletion"}
    target = get(watched.server, f"/v1/analyses/{analysis_of(page)}")["predictions"][0]["index"]
    found = worked(watched, "evidence", {**body, "options": {"target": str(target)}})
    assert verdict.inner_text() == found["sentence"]
    assert number(facts(page)["this map"]) == pytest.approx(found["score"], rel=0.01)
    centre = found["baselines"]["centre"]
    assert number(facts(page)["a blob in the middle"]) == pytest.approx(centre, rel=0.01)
    # Four lines, told apart by how they are broken.
    lines = page.locator(".curves .line")
    expect(lines).to_have_count(4)
    dashes = lines.evaluate_all("all => all.map((one) => getComputedStyle(one).strokeDasharray)")
    assert len(set(dashes)) == 4


def test_a_sweep_over_heads_is_a_matrix_whose_cells_are_edits_by_keyboard_too(
    watched: Watched,
) -> None:
    page = watched.open(f"{TRUTH}&site=s05")
    base = analysis_of(page)
    page.get_by_role("button", name="Take them away one by one").click()
    cells = page.locator(".effects button")
    expect(cells).to_have_count(18)
    found = worked(watched, "sweeps", {"over": "heads"}, base)
    label = cells.nth(4).get_attribute("aria-label") or ""
    assert label.startswith("Layer 1, head 1 off: logit ")
    told = re.search(r"logit ([+−\d.e]+)", label)
    assert told is not None
    assert number(told[1]) == pytest.approx(-found["values"][1][1], rel=0.01, abs=1e-3)
    cells.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == label
    assert page.locator(".effect-reading").inner_text() == label
    page.keyboard.press("Enter")
    # The edit holds; the matrix stays, and says of which network it is.
    expect(cells.nth(4)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".truth-sweep")).to_contain_text("before the last edit")
    assert page.evaluate(focused) == label
    expect(page).to_have_url(re.compile("edits="))
    assert edits_in(page) == [{"edit": "off", "site": "s06", "heads": [1]}]


def test_the_map_stands_against_what_hiding_each_patch_does(watched: Watched) -> None:
    page = watched.open(f"{GATES}&method=grad-cam")
    page.get_by_role("radio", name="Patches", exact=True).click()
    page.get_by_role("button", name="Take them away one by one").click()
    points = page.locator(".scatter circle")
    expect(points.first).to_be_visible()
    target = get(watched.server, f"/v1/analyses/{analysis_of(page)}")["predictions"][0]["index"]
    body = {"over": "patches", "map": "grad-cam", "options": {"target": str(target)}}
    found = worked(watched, "sweeps", body)
    rows, columns = found["shape"]
    expect(points).to_have_count(rows * columns)
    said = f"ρ = {found['agreement']['rho']:.2f}".replace("-", "−")
    expect(page.locator(".truth-sweep .verdict")).to_contain_text(said)


def test_cancelling_ends_the_work_on_the_server(watched: Watched) -> None:
    page = watched.open(f"{TRUTH}&method=rollout")
    page.get_by_role("radio", name="Patches", exact=True).click()
    with page.expect_response("**/sweeps") as started:
        page.get_by_role("button", name="Take them away one by one").click()
    job = started.value.json()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".working")).to_have_count(0)
    path = job["links"]["self"].removeprefix(watched.server)
    deadline = time.monotonic() + 60
    while get(watched.server, path)["state"] == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert get(watched.server, path)["state"] in ("cancelled", "done")
    expect(page.locator(".effects")).to_have_count(0)


def test_what_is_brushed_is_the_truth_that_a_map_is_measured_by(watched: Watched) -> None:
    page = watched.open(f"{GATES}&method=grad-cam")
    page.get_by_role("radio", name="Point", exact=True).click()
    measure = page.get_by_role("button", name="Measure this map")
    expect(measure).to_be_disabled()
    page.get_by_role("button", name="Brush on the photo").click()
    box = page.locator("#frame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    measure.click()
    expect(page.locator(".truth-measure .verdict")).to_contain_text("lies where the truth is")
    assert facts(page)["its highest place is in it"] in ("yes", "no")


def test_maps_are_offered_as_they_held_over_many_photos(watched: Watched) -> None:
    page = watched.open(TRUTH)
    maps = get(watched.server, f"/v1/analyses/{analysis_of(page)}")["maps"]
    held = sorted(
        (one for one in maps if one["measured"] and one["reason"] is None),
        key=lambda one: one["measured"]["rank"],
    )
    assert held
    rows = page.locator(".believed li")
    expect(rows).to_have_count(len(held))
    for row, one in zip(rows.all(), held, strict=True):
        assert one["title"] in row.inner_text()
        assert f"{one['measured']['verdict']} than a blob in the middle" in row.inner_text()
    page.get_by_role("tab", name="Look").click()
    first = next(one["title"] for one in held if one["for_class"])
    page.locator(".why").first.click()
    expect(page.get_by_role("radio", name=first, exact=True)).to_be_checked()


def test_what_has_no_classes_says_so(watched: Watched) -> None:
    page = watched.open("?sample=room_reading&model=sa_unet&tab=truth")
    expect(page.locator("#panel-truth .note")).to_contain_text("probability of a class")


def test_heads_of_any_layer_are_switched_off_from_what_if(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&tab=what-if&site=s05")
    page.get_by_text("Heads of every layer").click()
    page.get_by_role("button", name="Attention 4, head 2").click()
    has(page, "Attention 4: head 2 off")
    expect(page).to_have_url(re.compile("edits="))
    assert edits_in(page) == [{"edit": "off", "site": "s09", "heads": [2]}]
