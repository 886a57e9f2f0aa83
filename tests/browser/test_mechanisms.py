"""Each mechanism's view, with the networks that ship."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Attending, Watched
from tests.browser.looking import analysis_of, expected_cells, get, seen_cells

pytestmark = pytest.mark.browser


def sites(watched: Watched, kind: str) -> list[dict[str, Any]]:
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(watched.page)}")
    return [site for site in analysis["sites"] if site["kind"] == kind]


def test_switching_the_model_by_its_card(watched: Watched) -> None:
    page = watched.open("?sample=sunflower")  # both know sunflowers, so the photo stays
    page.keyboard.press("/")
    dialog = page.get_by_role("dialog", name="Choose a model")
    expect(dialog).to_be_visible()
    page.locator("#model-search").fill("squeeze")
    page.locator("[data-model=se_resnet]").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#sentence")).to_contain_text("Channel gate")
    expect(page).to_have_url(re.compile("sample=sunflower.*model=se_resnet"))
    page.go_back()
    expect(page.locator("#sentence")).not_to_contain_text("Channel gate")


@pytest.mark.parametrize(
    ("model", "shown"),
    [("stn_digits", "digit_turned"), ("sa_unet", "room_bedroom"), ("captioner", "camera")],
)
def test_a_model_alone_is_shown_with_a_picture_that_suits_it(
    watched: Watched, model: str, shown: str
) -> None:
    watched.open(f"?model={model}")
    expect(watched.page).to_have_url(re.compile(rf"sample={shown}&model={model}"))


@pytest.mark.parametrize("model", ["se_resnet", "eca_resnet"])
def test_channel_gates(watched: Watched, model: str) -> None:
    page = watched.open(f"?sample=astronaut&model={model}&site=s02&opacity=0.7&colormap=viridis")
    expect(page.locator("#sentence")).to_contain_text("feature map of channel")
    expect(page.locator(".channel-thumb")).to_have_count(12)
    page.locator(".channel-thumb").nth(2).click()
    channel = page.locator(".channel-thumb").nth(2).get_attribute("data-channel")
    expect(page.locator("#sentence")).to_contain_text(f"channel {channel}")

    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    site = f"/v1/analyses/{analysis['id']}/sites/s02"
    gate = get(watched.server, f"{site}/gate")["values"]
    assert str(round(gate[int(channel or 0)], 3)) in page.locator("#sentence").inner_text()
    values = np.array(get(watched.server, f"{site}/features", channel=channel)["values"])
    if values.max() > values.min():
        wanted = expected_cells(watched.server, values, "viridis", 0.7)
        seen = seen_cells(page, analysis, *values.shape).astype(float)
        assert np.abs(seen - wanted).max() <= 6

    page.locator("#tab-channels").click()
    chart = page.locator("#gate-chart .nsewdrag").first
    expect(chart).to_be_visible()
    chart.hover(position={"x": 60, "y": 100})
    expect(page.locator("#channel")).to_contain_text("Channel")
    expect(page).to_have_url(re.compile("channel="))


def test_the_spatial_mask_of_cbam(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=cbam_resnet&opacity=0.7&colormap=viridis")
    expect(page.locator("#sentence")).to_contain_text("Spatial gate")
    shown = page.locator(".site[aria-checked=true]").get_attribute("data-site")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    answer = get(watched.server, f"/v1/analyses/{analysis['id']}/sites/{shown}/gate")
    values = np.array(answer["values"]).reshape(answer["shape"])
    wanted = expected_cells(watched.server, values, "viridis", 0.7)
    seen = seen_cells(page, analysis, *values.shape).astype(float)
    assert np.abs(seen - wanted).max() <= 6
    page.keyboard.press("[")
    expect(page.locator("#sentence")).to_contain_text("Channel gate")


def test_the_spatial_transformer(watched: Watched) -> None:
    page = watched.open("?sample=digit_turned&model=stn_digits")
    expect(page.locator("#sentence")).to_contain_text("Spatial transformer")
    expect(page.locator(".marks .ink")).to_have_count(2)
    expect(page.locator(".second canvas")).to_be_visible()
    expect(page.locator("#panel-look")).to_contain_text("turned")
    page.locator(".second canvas").hover(position={"x": 100, "y": 100})
    expect(page.locator(".marks .dot").first).to_be_attached()
    page.locator("#tab-how").click()
    # Of its two looks the second is shown: what the classifier goes by.
    site = sites(watched, "spatial-transformer")[1]
    theta = site["theta"]
    number = f"{abs(theta[0][0]):.3f}"[:4]
    expect(page.locator("#panel-how math").first).to_contain_text(number)
    # The strip has each look's window in small: the middle of its corners is where theta moves it.
    windows = page.locator(".site .window polygon")
    expect(windows).to_have_count(2)
    points = [float(value) for value in re.split(r"[ ,]", windows.nth(1).get_attribute("points"))]
    middle = np.reshape(points, (4, 2)).mean(axis=0)
    grid = site["input_grid"]
    expected = [theta[0][2] * grid["columns"], theta[1][2] * grid["rows"]]
    np.testing.assert_allclose(middle, expected, atol=1e-4)


def test_a_second_look_is_drawn_on_the_photo_and_told_beside_the_first(watched: Watched) -> None:
    page = watched.open("?sample=digit_turned&model=stn_digits&site=s01&tab=how")
    first, second = (np.array(one["theta"]) for one in sites(watched, "spatial-transformer"))
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    side = analysis["image"]["width"]
    # Its window lies where its own theta puts it: it reads the canvas, not the first window.
    corner = second @ [-1 + 1 / 28, -1 + 1 / 28, 1]
    drawn = page.locator(".marks .top").get_attribute("d") or ""
    start = [float(part) for part in re.findall(r"-?[\d.]+", drawn)[:2]]
    assert start == pytest.approx((corner + 1) / 2 * side, abs=0.02 * side)
    expect(page.locator("#panel-how")).to_contain_text("Look 2 of 2")
    last = [[0.0, 0.0, 1.0]]
    delta = np.linalg.solve(np.vstack([first, last]), np.vstack([second, last]))
    turn = abs(np.degrees(np.arctan2(delta[1, 0], delta[0, 0])))
    told = page.locator("#panel-how").inner_text()
    found = re.search(r"turned by ([\d.]+)°", told)
    assert found
    assert float(found[1]) == pytest.approx(turn, abs=0.06)
    page.keyboard.press("[")
    expect(page.locator("#panel-how")).not_to_contain_text("Look 2 of 2")


def test_a_transformer_behind_a_transformer(watched: Watched) -> None:
    """The inner grid is drawn where its places are on the photo: through the outer one."""
    page = watched.open("?sample=sign_no_entry&model=stn_signs&site=s01")
    expect(page.locator("#sentence")).to_contain_text("on a feature map")
    expect(page.locator(".second figcaption")).to_contain_text("mean of its channels")
    outer, inner = sites(watched, "spatial-transformer")
    path = f"/v1/analyses/{analysis_of(page)}/sites/{inner['id']}/grid"
    corner = np.array(get(watched.server, path)["grid"][0][0])
    x, y = np.array(outer["theta"]) @ [*corner, 1]
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    width, height = analysis["image"]["width"], analysis["image"]["height"]
    drawn = page.locator(".marks .top").get_attribute("d") or ""
    start = [float(part) for part in re.findall(r"-?[\d.]+", drawn)[:2]]
    assert start == pytest.approx([(x + 1) / 2 * width, (y + 1) / 2 * height], abs=0.02)


def test_a_sample_of_another_kind_brings_its_model(watched: Watched) -> None:
    page = watched.open("?sample=chelsea")
    page.get_by_role("button", name="Samples").click()
    page.get_by_role("button", name="Turned four").click()
    expect(page).to_have_url(re.compile("sample=digit_turned.*model=stn_digits"))
    page.get_by_role("button", name="Samples").click()
    page.get_by_role("button", name="Coffee").click()
    expect(page).not_to_have_url(re.compile("stn_digits"))


def test_attention_on_a_feature_map(watched: Watched) -> None:
    page = watched.open("?sample=stop_sign&model=sa_resnet")
    expect(page.locator("#sentence")).to_contain_text("the patch at row")
    expect(page.locator("#class-token")).to_have_text("Centre patch")
    expect(page.get_by_role("radio", name="Rollout, all layers")).to_have_count(0)


@pytest.mark.parametrize(
    ("view", "said", "not_said"),
    [
        ("sample=stop_sign&model=sa_resnet", "not divided by √d", "1 / √"),
        ("sample=sunflower&model=vit", "1 / √32", "not divided"),
        ("sample=sunflower&model=se_resnet", "a layer from 160 to 10", "neighbouring channels"),
        ("sample=sunflower&model=eca_resnet", "5 neighbouring channels", "a layer from"),
        ("sample=sunflower&model=cbam_resnet&site=s00", "the largest value", "neighbouring"),
        ("sample=sunflower&model=tnt&site=s05", "in their own window", "adds a mask"),
    ],
)
def test_an_explanation_is_of_this_network(
    watched: Watched, view: str, said: str, not_said: str
) -> None:
    page = watched.open(f"?{view}&tab=how")
    expect(page.locator("#panel-how")).to_contain_text(said)
    expect(page.locator("#panel-how")).not_to_contain_text(not_said)


def test_a_pixel_is_mixed_from_four(watched: Watched) -> None:
    page = watched.open("?sample=digit_turned&model=stn_digits&tab=how")
    rows = page.locator("#panel-how > .facts tbody tr")
    expect(rows).to_have_count(4)
    before = rows.all_inner_texts()
    page.locator(".second canvas").hover(position={"x": 60, "y": 60})
    expect(rows.first).not_to_have_text(before[0])
    shares = [text.split("\t")[-1] for text in rows.all_inner_texts()]
    assert sum(float(share.strip("< %")) for share in shares) == pytest.approx(100, abs=1.1)


def test_positions_follow_the_pointer_and_the_keys(watched: Watched, attending: Attending) -> None:
    view = f"sample=chelsea&model={attending.model}&opacity=0.7&colormap=viridis"
    page = watched.open(f"?{view}&method=positions&query=4,7&tab=how")
    expect(page.locator("#sentence")).to_contain_text("position of row 4, column 7")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    path = f"/v1/analyses/{analysis['id']}/maps/positions"
    values = np.array(get(watched.server, path, query="4,7")["values"])
    wanted = expected_cells(watched.server, values, "viridis", 0.7)
    assert np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted).max() <= 6
    left = page.locator("#panel-how tr", has_text="left neighbour").locator("td")
    expect(left).to_have_text(re.compile(r"[01]\.\d+"))
    assert float(left.inner_text()) == pytest.approx(values[4, 6], abs=6e-3)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#sentence")).to_contain_text("position of row 5, column 7")
    page.keyboard.press("Escape")
    page.locator("#frame").hover(position={"x": 5, "y": 5})
    expect(page.locator("#panel-how")).to_contain_text("The photo plays no part")


def test_the_words_inside_a_patch_have_positions_of_their_own(watched: Watched) -> None:
    """TNT's second level: the same sixteen vectors in every patch (Han et al. 2021)."""
    page = watched.open("?sample=sunflower&model=tnt&site=s05&method=positions&query=9,14&tab=how")
    expect(page.locator("#sentence")).to_contain_text("row 9, column 14 is to every other's in its")
    expect(page.locator("#panel-how")).to_contain_text("smaller pieces inside a patch")
    path = f"/v1/analyses/{analysis_of(page)}/maps/positions"
    inner = get(watched.server, path, query="9,14", site="s05")
    patch = np.array(inner["values"], dtype=float)[8:12, 12:16]
    assert np.isfinite(patch).all()
    assert inner["non_finite"] == 28 * 28 - 16
    assert patch[1, 2] == pytest.approx(1, abs=1e-5)
    right = page.locator("#panel-how tr", has_text="right neighbour").locator("td")
    expect(right).to_have_text(re.compile(re.escape(f"{patch[1, 3]:.2f}".lstrip("-"))))
    elsewhere = get(watched.server, path, query="1,2", site="s05")["values"]
    np.testing.assert_allclose(np.array(elsewhere, dtype=float)[:4, :4], patch, atol=1e-6)
    outer = get(watched.server, path, query="2,3")
    assert outer["shape"] == [7, 7]
    page.locator("[data-site=s06]").click()
    # The patch that the word is in.
    expect(page.locator("#sentence")).to_contain_text(
        "position of row 2, column 3 is to every other's:"
    )
