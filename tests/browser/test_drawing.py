"""What is drawn on the photo is what the API says, however it is drawn."""

from __future__ import annotations

import io
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import WINDOWED, Attending, Watched
from tests.browser.looking import (
    analysis_of,
    attention,
    cell_centre,
    colour_cells,
    expected_cells,
    get,
    pixels,
    placed,
    seen_cells,
)

pytestmark = pytest.mark.browser


def test_the_overlay_shows_the_numbers_of_the_api(watched: Watched, attending: Attending) -> None:
    page = watched.open(
        f"?sample=chelsea&model={attending.model}&site={attending.site(4)}&colormap=viridis&opacity=0.7"
    )
    values = attention(watched, attending.site(4), query="cls", head="mean")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    wanted = expected_cells(watched.server, values, "viridis", 0.7)
    # Rounding may move a value by one step of the colormap, and 8 bits of alpha by two levels.
    difference = np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted)
    assert difference.max() <= 6, difference.max()

    page.keyboard.press("1")
    page.locator("#colormap").select_option("inferno")
    wanted = expected_cells(watched.server, values, "inferno", 0.7)
    difference = np.abs(seen_cells(page, analysis, *values.shape).astype(float) - wanted)
    assert difference.max() <= 6, difference.max()


def test_rollout_is_the_apis(watched: Watched, attending: Attending) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}")
    page.get_by_role("radio", name="Rollout", exact=True).click()
    expect(page.locator("#sentence")).to_contain_text("Rollout")
    answer = get(watched.server, f"/v1/analyses/{analysis_of(page)}/maps/rollout")
    high = float(page.locator(".legend .number").nth(1).inner_text())
    assert high == pytest.approx(np.max(answer["values"]), rel=0.01)


def test_a_place_sees_its_window_and_nothing_else(watched: Watched) -> None:
    """MobileViT attends among every second row and column; what it cannot see is hatched."""
    page = watched.open(f"?sample=chelsea&model={WINDOWED}&opacity=1")
    expect(page.locator("#sentence")).to_contain_text("in its window")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    site = next(one for one in analysis["sites"] if one["windows"])
    page.goto(f"{watched.server}/?sample=chelsea&model={WINDOWED}&site={site['id']}&query=4,7")
    expect(page.locator("#sentence")).to_contain_text("row 4, column 7 looks at in its window")
    values = attention(watched, site["id"], query="4,7")
    assert np.isfinite(values[0::2, 1::2]).all()
    assert np.isfinite(values).sum() == values.size / 4
    expect(page.locator(".note").first).to_contain_text("4 windows")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#sentence")).to_contain_text("row 4, column 8")


def test_heads_are_small_multiples(watched: Watched, attending: Attending) -> None:
    page = watched.open(
        f"?sample=chelsea&model={attending.model}&site={attending.site(4)}&tab=heads"
    )
    heads = page.locator(".head")
    expect(heads.first).to_be_visible()
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    attention = [one for one in analysis["sites"] if one["kind"] == "attention"]
    expect(heads).to_have_count(attention[4]["heads"])
    expect(page.locator(".mini")).to_have_count(sum(one["heads"] for one in attention))
    heads.nth(1).click()
    expect(page.locator("#sentence")).to_contain_text("head 1")
    page.locator(".mini").first.click()
    expect(page.locator("#sentence")).to_contain_text("Attention 0, head 0")


def test_heads_of_windows_show_the_window(watched: Watched) -> None:
    """TNT: the words of the patch at row 3, column 3, then the patches, at the same place."""
    page = watched.open("?sample=sunflower&model=tnt&site=s05&query=14,14&tab=heads")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    attention = [one for one in analysis["sites"] if one["kind"] == "attention"]
    expect(page.locator(".mini")).to_have_count(sum(one["heads"] for one in attention))
    expect(page.locator(".head")).to_have_count(2)
    size = page.locator(".head .cells").first.evaluate("canvas => [canvas.width, canvas.height]")
    assert size == [4, 4]
    page.locator(".layer-row[data-site=s06] .mini").first.click()
    expect(page.locator("#sentence")).to_contain_text("head 0: what the patch at row 3, column 3")
    page.locator(".site[data-site=s05]").click()
    expect(page.locator("#sentence")).to_contain_text("row 14, column 14 looks at in its window")


def test_unknown_places_are_a_matrix_with_a_note(watched: Watched, attending: Attending) -> None:
    def without_places(route, request) -> None:  # type: ignore[no-untyped-def]
        if request.method != "POST":
            return route.continue_()
        response = route.fetch()
        answer = response.json()
        for site in answer["sites"]:
            site.update(grid=None, query_grid=None, key_grid=None)
            site.update(note="The order of these tokens is not known.")
        return route.fulfill(response=response, json=answer)

    watched.page.route("**/v1/analyses", without_places)
    page = watched.open(f"?sample=chelsea&model={attending.model}&site={attending.site(4)}")
    expect(page.locator("#sentence")).to_contain_text("every query (rows) against every key")
    expect(page.locator("#sentence")).to_contain_text("not known")
    size = page.evaluate(
        "[...document.querySelectorAll('.second canvas')].map((c) => [c.width, c.height])"
    )
    tokens = attending.sites[4]["queries"]
    assert size == [[tokens, tokens]]


def test_without_webgl_the_pixels_are_the_same(watched: Watched, attending: Attending) -> None:
    view = f"?sample=chelsea&model={attending.model}&site={attending.site(4)}&opacity=0.8"
    for options in ("", "&smooth=1"):
        page = watched.open(f"{view}{options}&renderer=webgl")
        assert page.evaluate(
            "document.querySelector('#frame .overlay').getContext('webgl2') !== null"
        )
        with_webgl = pixels(page).astype(int)
        page = watched.open(f"{view}{options}&renderer=canvas")
        assert page.evaluate("document.querySelector('#frame .overlay').getContext('2d') !== null")
        without = pixels(page).astype(int)
        assert with_webgl.shape == without.shape
        # A smoothed value may round to the neighbouring step; 8 bits of alpha cost a level or two.
        assert np.abs(with_webgl - without).max() <= (12 if options else 3)


def test_software_is_not_taken_for_a_gpu(watched: Watched) -> None:
    """This browser offers WebGL2 in software: whoever names no renderer gets Canvas2D."""
    page = watched.open("?sample=sunflower&model=vit")
    renderer = page.evaluate("""() => {
      const gl = document.createElement("canvas").getContext("webgl2");
      return gl?.getParameter(gl.getExtension("WEBGL_debug_renderer_info").UNMASKED_RENDERER_WEBGL);
    }""")
    assert "SwiftShader" in renderer
    assert page.evaluate("document.querySelector('#frame .overlay').getContext('2d') !== null")


def test_a_lost_context_goes_on_without_webgl(watched: Watched, attending: Attending) -> None:
    page = watched.open(
        f"?sample=chelsea&model={attending.model}&site={attending.site(4)}&renderer=webgl"
    )
    before = pixels(page).astype(int)
    page.evaluate(
        "document.querySelector('#frame .overlay').getContext('webgl2')"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    expect(page.locator("#frame .overlay")).to_have_count(1)
    page.wait_for_timeout(200)
    assert page.evaluate("document.querySelector('#frame .overlay').getContext('2d') !== null")
    assert np.abs(pixels(page).astype(int) - before).max() <= 3


def test_export_is_the_photo_with_the_map_and_its_sentence(
    watched: Watched, attending: Attending, tmp_path: Path
) -> None:
    page = watched.open(f"?sample=chelsea&model={attending.model}&site={attending.site(4)}")
    with page.expect_download() as download:
        page.keyboard.press("e")
    target = tmp_path / "export.png"
    download.value.save_as(target)
    with Image.open(target) as picture:
        exported = np.array(picture.convert("RGB")).astype(float)
    assert exported.shape[1] == 2 * 451
    assert exported.shape[0] > 2 * 300  # the legend and the sentence stand below

    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    values = attention(watched, attending.site(4), query="cls", head="mean")
    colours = colour_cells(watched.server, values, "inferno")
    with urllib.request.urlopen(f"{watched.server}{analysis['links']['image']}") as answer:
        photo = np.array(Image.open(io.BytesIO(answer.read())).convert("RGB")).astype(float)
    for row, column in ((2, 3), (7, 7), (11, 9)):
        x, y = cell_centre(analysis, row, column, *values.shape)
        alpha = 0.8 * placed(values)[row, column]
        wanted = alpha * colours[row, column] + (1 - alpha) * photo[int(y), int(x)]
        # The photo is enlarged by the browser's own smoothing.
        assert np.abs(exported[int(2 * y), int(2 * x)] - wanted).max() < 12


def test_the_photo_shows_where_there_is_little(watched: Watched, attending: Attending) -> None:
    """Opacity grows with the value, unless it is to be even; a held key shows the photo alone."""
    page = watched.open(f"?sample=chelsea&model={attending.model}&site={attending.site(4)}")
    expect(page.locator("#sentence")).to_contain_text("Opacity grows with the value.")
    expect(page.locator(".legend").first).to_contain_text("opacity by value")
    values = attention(watched, attending.site(4), query="cls", head="mean")
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    wanted = expected_cells(watched.server, values, "inferno", 0.8)
    shown = seen_cells(page, analysis, *values.shape).astype(float)
    assert np.abs(shown - wanted).max() <= 6

    page.locator("#fade").uncheck()
    expect(page).to_have_url(re.compile("fade=even"))
    expect(page.locator("#sentence")).not_to_contain_text("Opacity")
    even = colour_cells(watched.server, values, "inferno") * 0.8 + 128 * 0.2
    shown = seen_cells(page, analysis, *values.shape).astype(float)
    assert np.abs(shown - even).max() <= 6

    page.keyboard.down("b")
    expect(page.locator("#frame .overlay")).to_be_hidden()
    expect(page.locator("#frame .photo")).to_be_visible()
    page.keyboard.up("b")
    expect(page.locator("#frame .overlay")).to_be_visible()


def test_values_on_both_sides_of_zero_diverge_from_it(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit&method=positions&query=3,4")
    expect(page.locator("#sentence")).to_contain_text("distance from zero")
    low, high = page.locator(".legend .number").all_inner_texts()[:2]
    assert low == f"−{high}"
    expect(page.locator(".legend").first).to_contain_text("zero in the middle")
    expect(page.locator("#colormap")).to_have_value("coolwarm")
    expect(page.locator("#colormap")).to_be_disabled()
    page.get_by_role("radio", name="Rollout", exact=True).click()
    expect(page.locator("#colormap")).to_have_value("inferno")
