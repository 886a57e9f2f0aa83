"""Many maps as one figure, and a figure on paper: layers × heads, the panes of Compare, PDF."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.looking import analysis_of, attention, colour_cells, get, sentence

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"
KEEP = "window.print = () => { window.printed = true; }"


def taken(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator(f"#{button}").click()
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def pictures(drawing: ET.Element) -> list[np.ndarray]:
    found = []
    for one in drawing.findall(f".//{SVG}image"):
        data = base64.b64decode(one.attrib["href"].split(",")[1])
        with Image.open(io.BytesIO(data)) as picture:
            found.append(np.array(picture.convert("RGB")).astype(int))
    return found


def words(drawing: ET.Element) -> str:
    return " ".join(one.text or "" for one in drawing.iter(f"{SVG}text"))


def test_the_sheet_of_heads_is_a_grid_of_layers_and_heads(watched: Watched, tmp_path: Path) -> None:
    page = watched.open("?sample=sunflower&model=heads_12&sheet=1&query=6,6&colormap=viridis")
    expect(page.locator(".sheet-tile")).to_have_count(24)
    drawing = ET.parse(taken(page, "save-sheet-svg", tmp_path)).getroot()
    drawn = pictures(drawing)
    assert len(drawn) == 24
    said = words(drawing)
    assert all(name in said for name in ("layer 0", "layer 1", "head 11", "row 6, column 6"))
    analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
    site = [one["id"] for one in analysis["sites"] if one["kind"] == "attention"][1]
    values = attention(watched, site, query="6,6", head=5)
    wanted = colour_cells(watched.server, values, "viridis")
    assert np.abs(drawn[12 + 5] - wanted).max() <= 6
    with Image.open(taken(page, "save-sheet-png", tmp_path)) as picture:
        assert picture.width == 2 * float(drawing.attrib["width"])
    page.get_by_role("radio", name="entropy").click()
    ranked = ET.parse(taken(page, "save-sheet-svg", tmp_path)).getroot()
    assert len(pictures(ranked)) == 24
    assert re.search(r"[01]·\d+ \d", words(ranked)), "each head with its number"


def test_compare_is_taken_away_in_every_form(watched: Watched, tmp_path: Path) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    page.keyboard.press("v")
    page.get_by_role("radio", name="layers").click()
    expect(page.locator(".compare-card .sentence:not(:empty)")).to_have_count(4)
    drawing = ET.parse(taken(page, "save-compared-svg", tmp_path)).getroot()
    assert len(pictures(drawing)) == 4
    for one in page.locator(".compare-card .sentence").all_inner_texts():
        assert one in words(drawing)
    whole = taken(page, "save-compared-html", tmp_path).read_text("utf-8")
    assert whole.count("<image ") == 4
    assert "http" not in whole.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_figure_is_printed_as_a_drawing_on_a_page_of_its_size(
    watched: Watched, language: str
) -> None:
    page = watched.page
    page.add_init_script(KEEP)
    watched.open(f"?sample=sunflower&model=vit&query=3,4&lang={language}")
    page.locator("#export").click()
    page.locator("#pdf").click()
    assert page.evaluate("window.printed")
    width, height = page.locator("#printed svg").evaluate(
        "(one) => [one.width, one.height].map((v) => v.baseVal.value)"
    )
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert len(boxes) == 1, "one page"
    assert [float(one) for one in boxes[0]] == pytest.approx([0.75 * width, 0.75 * height], abs=1.5)
    assert b"/FontFile2" in pdf or b"/FontFile3" in pdf, "its fonts are in it"
    streams = [
        zlib.decompress(one)
        for one in re.findall(rb"FlateDecode[^>]*>>\s*stream\r?\n(.*?)endstream", pdf, re.S)
        if one[:1] == b"\x78"
    ]
    assert any(b" Tf" in one and b"Tj" in one for one in streams), "its words are text"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#printed")).to_have_count(0)
    assert sentence(page)


def test_the_page_on_paper_is_the_photo_and_what_is_said(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=vit")
    page.emulate_media(media="print")
    for gone in ("#bar", "#inspector", "#depth", ".drawing"):
        expect(page.locator(gone)).to_be_hidden()
    for kept in ("#frame .photo", "#frame .overlay", "#sentence", ".legend-bar"):
        expect(page.locator(kept).first).to_be_visible()
