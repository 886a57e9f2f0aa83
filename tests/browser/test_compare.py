"""Compare: networks side by side, asked about the same place of the photo."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Watched
from tests.browser.looking import get

pytestmark = pytest.mark.browser


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def analysis_with(watched: Watched, model: str) -> str:
    """The id of the page's analysis with that model: the page asked for a site of it."""
    entries = watched.page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    ids = dict.fromkeys(
        entry.split("/v1/analyses/")[1].split("/")[0]
        for entry in entries
        if "/v1/analyses/" in entry and "/sites/" in entry
    )
    return next(one for one in ids if get(watched.server, f"/v1/analyses/{one}")["model"] == model)


def move(canvas: Locator, across: float, down: float, *, click: bool = False) -> None:
    box = canvas.bounding_box()
    assert box
    position = {"x": across * box["width"], "y": down * box["height"]}
    if click:
        canvas.click(position=position)  # type: ignore[arg-type]
    else:
        canvas.hover(position=position)  # type: ignore[arg-type]


def test_the_arrangements_of_cbam_side_by_side(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=cbam_resnet")
    page.keyboard.press("v")
    cards = page.locator(".compare-card")
    expect(cards).to_have_count(3)
    models = ["cbam_resnet", "cbam_resnet_spatial_first", "cbam_resnet_parallel"]
    for number_, model in enumerate(models):
        expect(page.locator(f"[data-model={model}]").first).to_be_visible()
        expect(cards.nth(number_).locator(".sentence")).to_contain_text("Spatial gate")
    move(cards.first.locator("canvas"), 0.46, 0.53)
    for number_, model in enumerate(models):
        found = get(watched.server, f"/v1/analyses/{analysis_with(watched, model)}")
        gates = [site for site in found["sites"] if site["kind"] == "spatial-gate"]
        layer = int(re.findall(r"Spatial gate (\d+)", cards.nth(number_).inner_text())[0])
        site = gates[layer]["id"]
        values = np.array(
            get(watched.server, f"/v1/analyses/{found['id']}/sites/{site}/gate")["values"]
        )
        left, top, right, bottom = found["geometry"]["crop"]
        x, y = 0.46 * found["image"]["width"], 0.53 * found["image"]["height"]
        row = int((y - top) / (bottom - top) * len(values))
        column = int((x - left) / (right - left) * len(values[0]))
        told = number(cards.nth(number_).locator(".value").inner_text())
        assert told == pytest.approx(values[row, column], rel=0.01)


def test_a_click_asks_every_attention_about_that_place(watched: Watched) -> None:
    page = watched.open("?sample=chelsea&model=vit")
    page.locator("#compare").click()
    cards = page.locator(".compare-card")
    expect(cards.first.locator(".sentence")).to_contain_text("class token")
    pressed = [
        str(chip.get_attribute("data-model"))
        for chip in page.locator(".chip[aria-pressed=true]").all()
    ]
    for model in {*pressed, "tnt"} - ({"vit", "tnt"} if "tnt" in pressed else {"vit"}):
        page.locator(f".chip[data-model='{model}']").click()
    expect(cards).to_have_count(2)
    expect(cards.nth(1).locator(".sentence")).to_contain_text("class token")
    move(cards.first.locator("canvas"), 0.52, 0.53, click=True)
    expect(cards.first.locator(".sentence")).to_contain_text("the patch at row 7")
    expect(cards.nth(1).locator(".sentence")).to_contain_text("the patch at row 3")
    cards.first.locator("canvas").press("ArrowUp")
    expect(cards.first.locator(".sentence")).to_contain_text("the patch at row 6")
    cards.nth(1).get_by_role("button", name="Site after").click()
    # Inside the patches: each is a window of its own, on a grid four times as fine.
    expect(cards.nth(1).locator(".sentence")).to_contain_text("looks at in its window")
    move(cards.first.locator("canvas"), 0.52, 0.53, click=True)
    inner = re.compile(r"the patch at row 1[45], column 1[45] looks at in its window")
    expect(cards.nth(1).locator(".sentence")).to_contain_text(inner)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.compare")).to_be_hidden()
    expect(page.locator("#sentence")).to_contain_text("what the class token looks at")


def test_four_at_most_and_a_failure_stays_in_its_card(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=se_resnet")
    problem = {"title": "Busy", "status": 429, "detail": "Too many photos are in work."}
    page.route(
        "**/v1/analyses",
        lambda route: (
            route.fulfill(status=429, json=problem)
            if b"eca_resnet" in (route.request.post_data_buffer or b"")
            else route.continue_()
        ),
    )
    watched.expected = "429"
    page.locator("#compare").click()
    for model in ("eca_resnet", "sa_resnet", "vit", "tnt"):
        chip = page.locator(f".chip[data-model={model}]")
        if chip.get_attribute("aria-pressed") == "false" and chip.is_enabled():
            chip.click()
    expect(page.locator(".compare-card")).to_have_count(4)
    expect(page.locator(".chip:disabled")).not_to_have_count(0)
    failed = page.locator(".compare-card", has_text="ECA-ResNet")
    expect(failed.locator(".note")).to_have_text("Too many photos are in work.")
    page.locator(".chip[data-model=eca_resnet]").click()
    expect(page.locator(".compare-card")).to_have_count(3)
    expect(page.locator(".chip:disabled")).to_have_count(0)


def test_a_sentence_cannot_be_compared(watched: Watched) -> None:
    page = watched.open("?model=text_transformer")
    expect(page.locator("#compare")).to_be_disabled()


def mode(watched: Watched, name: str) -> Locator:
    watched.page.locator("dialog.compare").get_by_role("radio", name=name, exact=True).click()
    return watched.page.locator(".compare-card")


def test_layers_maps_and_photos_stand_side_by_side(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    page.keyboard.press("v")
    cards = mode(watched, "layers")
    expect(cards).to_have_count(4)
    expect(cards.nth(0).locator(".sentence")).to_contain_text("Layer 0")
    expect(cards.nth(1).locator(".sentence")).to_contain_text("Layer 5")
    cards = mode(watched, "maps")
    # Which ones come first is measured, so a map is chosen here unless it stands there already.
    for name in ("relevance", "rollout"):
        chip = page.locator(f".chip[data-model={name}]")
        if chip.get_attribute("aria-pressed") == "false":
            chip.click()
    expect(page.locator('.compare-card[aria-label="Relevance"] .sentence')).not_to_be_empty()
    expect(page.locator('.compare-card[aria-label="Rollout"] .sentence')).not_to_be_empty()
    cards = mode(watched, "photos")
    expect(cards.nth(2).locator(".sentence")).to_contain_text("class token")
    expect(cards.nth(1).locator("h3")).to_have_text("Stop sign")
    expect(cards.nth(1)).to_contain_text("stop sign, ")
    move(cards.first.locator("canvas"), 0.5, 0.5)
    for card in cards.all():
        expect(card.locator(".value")).not_to_be_empty()


def test_before_and_after_an_edit_at_one_scale(watched: Watched) -> None:
    edits = '[{"edit":"off","site":"s05","heads":[0]}]'
    page = watched.open(f"?sample=sunflower&model=vit&site=s07&edits={edits}")
    page.keyboard.press("v")
    cards = mode(watched, "before and after")
    expect(cards).to_have_count(2)
    expect(cards.nth(1).locator("h3")).to_contain_text("head 0 off")
    said = cards.locator(".sentence")
    ends = re.compile(r"Colours from (\S+) to (\S+)\.$")
    expect(said.nth(1)).to_have_text(ends)
    expect(said.nth(0)).to_have_text(ends)
    own = [ends.findall(one)[0] for one in said.all_inner_texts()]
    assert own[0] != own[1]
    mode(watched, "one for all")
    shared = [ends.findall(one)[0] for one in said.all_inner_texts()]
    assert shared[0] == shared[1]
    highest = max(number(high) for _, high in own)
    assert number(shared[0][1]) == pytest.approx(highest, rel=1e-6)


def test_what_is_compared_is_saved_as_one_figure(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=cbam_resnet")
    page.keyboard.press("v")
    cards = page.locator(".compare-card")
    expect(cards.nth(2).locator(".sentence")).to_contain_text("Spatial gate")
    expect(cards.nth(1).locator(".sentence")).to_contain_text("Spatial gate")
    with page.expect_download() as download:
        page.locator("#save-compared-png").click()
    assert download.value.suggested_filename == "fovea-compare-networks.png"
    with Image.open(download.value.path()) as saved:
        pixels = np.asarray(saved.convert("RGB"))
    margin, width, gap = 16, 480, 20
    assert pixels.shape[1] == 2 * (2 * margin + 2 * width + gap)
    # Two rows of panes: each pane's middle is a picture and no white paper.
    height = cards.first.locator("canvas").evaluate("(canvas) => canvas.height")
    for left in (margin + width // 2, margin + width + gap + width // 2):
        strip = pixels[2 * (60 + height // 4) : 2 * (60 + height // 2), 2 * left]
        assert (strip < 250).any(axis=-1).all()
