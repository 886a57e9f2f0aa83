"""All heads of all layers over the stage: as many as there are, in an order, opened by a click."""

import json
import re
import urllib.request

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Attending, Watched


def tiles(page: Page) -> list[tuple[str, int]]:
    """Site and head of each tile, in their order."""
    found = page.locator(".sheet-tile").evaluate_all(
        "(all) => all.map(({ dataset }) => [dataset.site, Number(dataset.head)])"
    )
    return [(site, head) for site, head in found]


@pytest.mark.parametrize("heads", [12, 24])
def test_every_head_stands_in_its_layer_and_column(watched: Watched, heads: int) -> None:
    page = watched.open(f"?sample=sunflower&model=heads_{heads}&sheet=1")
    expect(page.locator(".sheet-tile")).to_have_count(2 * heads)
    assert tiles(page) == [(site, head) for site in ("s00", "s01") for head in range(heads)]
    boxes = page.locator(".sheet-tile canvas").evaluate_all(
        "(all) => all.map((one) => { const b = one.getBoundingClientRect(); return [b.x, b.y]; })"
    )
    columns, rows = {round(x / 8) for x, _ in boxes}, {round(y / 8) for _, y in boxes}
    assert (len(columns), len(rows)) == (heads, 2)


def test_heads_are_ranked_by_their_mass_on_a_brushed_region(
    watched: Watched, attending: Attending
) -> None:
    page = watched.open(f"?sample=sunflower&model={attending.model}&sheet=1&query=6,6")
    expect(page.locator(".sheet-tile")).to_have_count(
        sum(site["heads"] for site in attending.sites)
    )
    photo = page.locator(".sheet-photo")
    photo.focus()  # the keyboard's place is the middle, row 7 and column 7
    for key in ("Space", "ArrowRight", "Space"):
        page.keyboard.press(key)
    expect(page.get_by_role("radio", name="mass on the region")).to_be_checked()
    ranked = tiles(page)
    analysis = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => one.name)"
        ".find((name) => /projections$/.test(name)).match(/analyses\\/(\\w+)/)[1]"
    )
    masses = {}
    for site in attending.sites:
        path = f"/v1/analyses/{analysis}/sites/{site['id']}/attention?query=6,6&head=all"
        with urllib.request.urlopen(watched.server + path) as answer:
            values = np.array(json.load(answer)["values"], dtype=float)
        for head, one in enumerate(values):
            masses[site["id"], head] = one[7, 7] + one[7, 8]
    in_order = [masses[tile] for tile in ranked]
    assert in_order == sorted(in_order, reverse=True)
    first = page.locator(".sheet-tile").first
    shown = float(re.findall(r"([\d.]+) %", first.inner_text())[0])
    assert shown == pytest.approx(100 * in_order[0], abs=0.51)


def test_a_tile_opens_its_head_and_pins_have_colours(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    page.locator("#tab-heads").click()
    page.locator("#all-heads").click()
    photo = page.locator(".sheet-photo")
    for across in (0.4, 0.6):
        box = photo.bounding_box()
        assert box
        photo.click(position={"x": across * box["width"], "y": 0.5 * box["height"]})
    expect(page.locator(".sheet-pins .pin-colour")).to_have_count(2)
    tile = page.locator(".sheet-tile").nth(4)
    colours = tile.locator("canvas").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4)
            if (data[i + 3] > 250) seen.add([...data.slice(i, i + 3)].join());
          return [...seen];
        }"""
    )
    assert set(colours) <= {"230,159,0", "86,180,233"}
    tile.click()
    expect(page.locator(".contact-sheet")).to_be_hidden()
    expect(page).to_have_url(re.compile("head=1"))
    expect(page.locator("#sentence")).to_contain_text("Attention 1, head 1: what the patch at row")


def test_one_scale_for_all_says_which_head_is_strong(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&sheet=1")
    expect(page.locator(".sheet-tile")).to_have_count(18)
    brightest = """(all) => all.map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return Math.max(...data.filter((_, i) => i % 4 === 0));
    })"""
    canvases = page.locator(".sheet-tile canvas")
    own = canvases.evaluate_all(brightest)
    assert min(own) == max(own), "each ends at its own largest value"
    page.get_by_role("radio", name="one for all").click()
    common = canvases.evaluate_all(brightest)
    assert max(common) == max(own)
    assert min(common) < 0.8 * max(common)
    page.keyboard.press("Escape")
    expect(page.locator(".contact-sheet")).to_be_hidden()
