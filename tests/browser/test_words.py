"""Networks that write, read or segment, as a person meets them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.looking import (
    GREY,
    analysis_of,
    cell_centre,
    colour_cells,
    expected_cells,
    get,
    pixels,
    seen_cells,
)

pytestmark = pytest.mark.browser

LOOK = "opacity=0.7&colormap=viridis"


def shown(watched: Watched) -> dict[str, Any]:
    answer: dict[str, Any] = get(watched.server, f"/v1/analyses/{analysis_of(watched.page)}")
    return answer


def site_of(watched: Watched) -> str:
    return str(watched.page.locator(".site[aria-checked=true]").get_attribute("data-site"))


def row_of(watched: Watched, analysis: dict[str, Any], query: Any, site: str | None = None) -> Any:
    path = f"/v1/analyses/{analysis['id']}/sites/{site or site_of(watched)}/attention"
    return np.array(get(watched.server, path, query=query)["values"])


def assert_drawn(page: Page, server: str, analysis: dict[str, Any], values: Any) -> None:
    wanted = expected_cells(server, values, "viridis", 0.7)
    assert np.abs(seen_cells(page, analysis, *values.shape) - wanted).max() <= 6


# --- captions -----------------------------------------------------------------------------------


def test_a_word_is_chosen_and_its_look_is_drawn(watched: Watched) -> None:
    page = watched.open(f"?sample=chelsea&model=captioner&{LOOK}")
    analysis = shown(watched)
    said = [word["text"] for word in analysis["output"]["words"]]
    words = page.locator(".word:not(.mark)")
    expect(words).to_have_text(said)
    words.nth(len(said) - 1).click()
    expect(page.locator("#sentence")).to_contain_text(f"to write “{said[-1]}”")
    expect(page).to_have_url(re.compile(f"word={len(said) - 1}"))
    assert_drawn(page, watched.server, analysis, row_of(watched, analysis, len(said) - 1))

    # From word to word by keys, with the focus on a word or anywhere.
    page.keyboard.press("ArrowLeft")
    expect(words.nth(len(said) - 2)).to_be_focused()
    expect(words.nth(len(said) - 2)).to_have_attribute("aria-checked", "true")
    page.locator("#stage").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#sentence")).to_contain_text(f"to write “{said[-3]}”")
    assert_drawn(page, watched.server, analysis, row_of(watched, analysis, len(said) - 3))


def test_a_head_of_a_word(watched: Watched) -> None:
    page = watched.open(f"?sample=coffee&model=captioner&word=1&head=1&{LOOK}")
    expect(page.locator("#sentence")).to_contain_text("head 1")
    analysis = shown(watched)
    path = f"/v1/analyses/{analysis['id']}/sites/{site_of(watched)}/attention"
    values = np.array(get(watched.server, path, query=1, head=1)["values"])
    assert_drawn(page, watched.server, analysis, values)
    page.locator("#tab-heads").click()
    site = next(s for s in analysis["sites"] if s["id"] == site_of(watched))
    expect(page.locator(".head")).to_have_count(site["heads"])
    page.locator(".head").nth(2).click()
    expect(page.locator("#sentence")).to_contain_text("head 2")


def test_the_place_under_the_pointer_weighs_the_words(watched: Watched) -> None:
    page = watched.open("?sample=chelsea&model=captioner")
    analysis = shown(watched)
    grid = next(s for s in analysis["sites"] if s["id"] == site_of(watched))["key_grid"]
    row, column = grid["rows"] // 2, grid["columns"] // 2
    x, y = cell_centre(analysis, row, column, grid["rows"], grid["columns"])
    box = page.locator("#frame").bounding_box()
    assert box is not None
    scale = box["width"] / analysis["image"]["width"]
    page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
    expect(page.locator(".words.weighed")).to_be_visible()
    path = f"/v1/analyses/{analysis['id']}/sites/{site_of(watched)}/attention"
    weights = np.array(get(watched.server, path, query=f"{row},{column}", direction="to")["values"])
    bars = page.locator(".word i").evaluate_all(
        "(all) => all.map((i) => parseFloat(i.style.width))"
    )
    np.testing.assert_allclose(bars, 100 * weights / weights.max(), atol=0.1)
    page.mouse.move(0, 0)
    expect(page.locator(".words.weighed")).to_have_count(0)


def test_masked_attention_is_a_triangle_of_words(watched: Watched) -> None:
    page = watched.open("?sample=chelsea&model=captioner&colormap=viridis")
    analysis = shown(watched)
    masked = next(s for s in analysis["sites"] if (s["key_labels"] or [""])[0] == "<start>")
    page.locator(f"[data-site={masked['id']}]").click()
    expect(page.locator("#sentence")).to_contain_text("looks at the words before it")
    names = page.locator(".second .matrix-beside span").all_inner_texts()
    assert names[:-1] == masked["query_labels"][:-1]
    check_matrix(page, watched, analysis, masked, ".second .matrix canvas", triangle=True)
    page.locator(".word").nth(2).click()
    expect(page.locator(".second .matrix-beside .chosen")).to_have_text(names[2])


def test_relevance_for_a_word(watched: Watched) -> None:
    page = watched.open(f"?sample=chelsea&model=captioner&word=1&{LOOK}")
    analysis = shown(watched)
    word = analysis["output"]["words"][1]["text"]
    page.get_by_role("radio", name="For the word").click()
    expect(page.locator("#sentence")).to_contain_text(f"Relevance for “{word}”")
    path = f"/v1/analyses/{analysis['id']}/maps/relevance"
    values = np.array(get(watched.server, path, word=1)["values"])
    assert_drawn(page, watched.server, analysis, values)
    page.locator(".word").nth(0).click()
    first = analysis["output"]["words"][0]["text"]
    expect(page.locator("#sentence")).to_contain_text(f"Relevance for “{first}”")


# --- sentences ----------------------------------------------------------------------------------


def check_matrix(
    page: Page,
    watched: Watched,
    analysis: dict[str, Any],
    site: dict[str, Any],
    canvas: str,
    *,
    triangle: bool = False,
) -> None:
    values = row_of(watched, analysis, "all", site["id"])
    wanted = colour_cells(watched.server, values, "viridis")
    if triangle:
        wanted[np.triu_indices(len(values), 1)] = GREY
    expect(page.locator(canvas)).to_have_count(1)
    seen = pixels(page, canvas)
    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted).max() <= 6


def sinusoids_alike(count: int, dim: int = 64) -> Any:
    """The cosine of any two places of Vaswani et al. 2017, section 3.5: a mean over the hands."""
    places, rates = np.arange(count), 10000.0 ** -(np.arange(0, dim, 2) / dim)
    return np.cos((places[:, None] - places)[..., None] * rates).mean(-1)


def test_the_positions_of_words_read_and_of_words_written(watched: Watched) -> None:
    page = watched.open("?model=text_transformer&text=a%20red%20hen%20knows%20my%20cow&"
                        "colormap=viridis")  # fmt: skip
    page.get_by_role("radio", name="Positions").click()
    expect(page).to_have_url(re.compile("method=positions"))
    expect(page.locator(".matrix-title:visible")).to_have_text(
        ["Encoder · positions", "Decoder · positions"]
    )
    for number in (1, 2):
        canvas = f".word-matrix:nth-child({number}) .matrix canvas"
        wanted = colour_cells(watched.server, sinusoids_alike(7), "viridis")
        assert np.abs(pixels(page, canvas) - wanted).max() <= 6
    beside = page.locator(".word-matrix:nth-child(2) .matrix-beside span")
    expect(beside).to_have_text(["start", "une", "poule", "rouge", "connaît", "ma", "vache"])

    row = page.locator(".word-matrix:nth-child(2) .matrix-body")
    box = row.bounding_box()
    assert box is not None
    row.click(position={"x": box["width"] / 2, "y": 2.5 * box["height"] / 7})
    nearest = f"{sinusoids_alike(7)[2, 1]:.3f}"
    expect(page.locator("#sentence")).to_contain_text(f"“poule” is nearest to “une”, {nearest}")
    page.locator("#tab-how").click()
    expect(page.locator("#panel-how")).to_contain_text("place 2, where “poule” stands")
    expect(page.locator("#panel-how")).to_contain_text("sin 2 = 0.909, cos 2 = −0.416")
    page.keyboard.press("Escape")
    page.locator("body").press("ArrowRight")
    expect(page.locator("#panel-how")).to_contain_text("place 3, where “rouge” stands")
    page.locator("#tab-look").click()
    page.get_by_role("radio", name="This layer").click()
    expect(page.locator(".matrix-title:visible")).to_have_count(3)


def test_a_captioner_has_positions_of_patches_and_of_words(watched: Watched) -> None:
    page = watched.open(f"?sample=camera&model=captioner&site=s00&method=positions&{LOOK}")
    expect(page.locator("#sentence")).to_contain_text("position of row 7, column 7")
    analysis = shown(watched)
    path = f"/v1/analyses/{analysis['id']}/maps/positions"
    places = get(watched.server, path, query="7,7")["values"]
    assert_drawn(page, watched.server, analysis, np.array(places))
    page.locator("[data-site=s07]").click()
    expect(page.locator("#sentence")).to_contain_text("words that the decoder reads")
    read = get(watched.server, path, words="read")["labels"]["query"]
    expect(page.locator(".matrix-beside span")).to_have_text(["start", *read[1:]])


def test_a_map_of_patches_gives_way_to_the_words_look_where_it_is_not_to_be_had(
    watched: Watched,
) -> None:
    page = watched.open(f"?sample=camera&model=captioner&site=s03&method=token-lengths&{LOOK}")
    expect(page.locator("#sentence")).to_contain_text("token of each patch is as it leaves layer 3")
    analysis = shown(watched)
    lengths = get(watched.server, f"/v1/analyses/{analysis['id']}/maps/token-lengths", site="s03")
    assert_drawn(page, watched.server, analysis, np.array(lengths["values"]))
    page.locator("[data-site=s07]").click()
    expect(page.locator("#sentence")).to_contain_text("where the network looked to write")
    expect(page.locator(".word[aria-checked=true]")).to_have_count(1)
    expect(page.get_by_role("radio", name="This layer")).to_be_checked()
    page.locator("[data-site=s02]").click()
    expect(page.locator("#sentence")).to_contain_text("token of each patch is as it leaves layer 2")


def test_a_sentence_is_read_and_its_three_attentions_are_drawn(watched: Watched) -> None:
    page = watched.open("?model=text_transformer&colormap=viridis")
    expect(page.locator("#text")).not_to_have_value("")
    expect(page.locator(".figures")).to_be_hidden()
    page.locator("#text").fill("The red hen  knows my cow")
    page.keyboard.press("Enter")
    expect(page.locator(".word:not(.mark)")).to_have_text(
        ["la", "poule", "rouge", "connaît", "ma", "vache"]
    )
    expect(page).to_have_url(re.compile("text=The%20red%20hen"))
    analysis = shown(watched)
    assert analysis["output"]["source"] == ["the", "red", "hen", "knows", "my", "cow", "<end>"]
    titles = page.locator(".matrix-title").all_inner_texts()
    assert len(titles) == 3
    attentions = analysis["sites"]
    for index, title in enumerate(titles):
        layer = int(title.rsplit(" ", 1)[1])
        site = attentions[layer]
        canvas = f".word-matrix:nth-child({index + 1}) .matrix canvas"
        check_matrix(page, watched, analysis, site, canvas, triangle="masked" in title)
        figure = page.locator(".word-matrix").nth(index)
        beside = figure.locator(".matrix-beside span").all_inner_texts()
        assert beside[:-1] == site["query_labels"][:-1]

    # The red of "red" is after its noun in French: the network looks back for it.
    page.locator(".word", has_text="rouge").click()
    expect(page.locator("#sentence")).to_contain_text("“rouge”: most on “red”")
    expect(page).to_have_url(re.compile("word=2"))
    page.reload()
    expect(page.locator("#sentence")).to_contain_text("“rouge”: most on “red”")


def test_words_it_does_not_know_are_told_where_they_were_typed(watched: Watched) -> None:
    watched.expected = "422"
    page = watched.open("?model=text_transformer")
    before = page.locator("#words").inner_text()
    page.locator("#text").fill("the zebra sees me")
    page.get_by_role("button", name="Read").click()
    problem = page.locator("#text-problem")
    expect(problem).to_contain_text("zebra")
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "true")
    assert page.locator("#words").inner_text() == before  # the last good one stays
    expect(page.locator(".problem")).to_be_hidden()
    page.locator(".example").nth(1).click()
    expect(problem).to_be_hidden()
    expect(page.locator("#text")).to_have_value(page.locator(".example").nth(1).inner_text())


def test_another_search_writes_again(watched: Watched) -> None:
    page = watched.open("?model=text_transformer&text=my%20sad%20horse%20always%20finds%20them")
    first = shown(watched)
    page.get_by_role("radio", name="3 beams").click()
    expect(page.get_by_role("radio", name="3 beams")).to_have_attribute("aria-checked", "true")
    expect(page).to_have_url(re.compile("beams=3"))
    second = shown(watched)
    assert second["id"] != first["id"]
    assert second["output"]["beams"] == 3
    # The grammar knows one way to say it, and so does the network.
    assert second["output"]["text"] == first["output"]["text"]


def test_from_a_photo_to_a_sentence_and_back(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=se_resnet")
    page.locator("#model").click()
    page.locator("[data-model=text_transformer]").click()
    expect(page.locator("#text")).to_be_visible()
    expect(page).to_have_url(re.compile("text="))
    expect(page.locator("#sentence")).to_contain_text("looks at the words read")
    page.keyboard.press("e")  # a picture of matrices can be saved, too
    expect(page.locator(".told")).to_have_text("Saved")
    page.locator("#model").click()
    page.locator("[data-model=se_resnet]").click()
    expect(page.locator("#sentence")).to_contain_text("Channel gate")
    expect(page.locator("#frame")).to_be_visible()
    expect(page.locator("#words")).to_be_hidden()
    expect(page).to_have_url(re.compile("sample=sunflower"))
    page.go_back()
    expect(page.locator("#text")).to_be_visible()


def test_sentences_on_a_phone(phone: Watched) -> None:
    page = phone.open("?model=text_transformer")
    expect(page.locator(".word-matrix")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for figure in page.locator(".word-matrix .matrix").all():
        box = figure.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


# --- masks --------------------------------------------------------------------------------------


def test_a_mask_and_the_attention_under_it(watched: Watched) -> None:
    page = watched.open(f"?sample=room_bricks&model=sa_unet&method=mask&{LOOK}")
    expect(page.locator("#sentence")).to_contain_text("The mask")
    analysis = shown(watched)
    wall = analysis["output"]["classes"][1]
    assert wall["label"] == "wall"
    expect(page.locator(".class-legend")).to_contain_text("wall")
    area = page.locator(".marks .area")
    expect(area).to_have_count(1)
    covered = area.evaluate(
        """(path) => {
          const box = path.ownerSVGElement.viewBox.baseVal;
          let inside = 0, all = 0;
          for (let y = 1.5; y < box.height; y += 3)
            for (let x = 1.5; x < box.width; x += 3, all++)
              inside += path.isPointInFill(new DOMPoint(x, y));
          return inside / all;
        }"""
    )
    assert abs(covered - wall["share"]) < 0.02  # the rooms are square: all of them is seen
    page.locator("#frame").hover()
    expect(page.locator("#here")).to_have_text(re.compile("here (wall|other)"))

    page.get_by_role("radio", name="Attention", exact=True).click()
    expect(page.locator("#sentence")).to_contain_text("the patch at row")
    expect(page.locator(".marks .border")).to_have_count(1)
    page.locator("#outline").uncheck()
    expect(page.locator(".marks .border")).to_have_count(0)
    page.mouse.move(0, 0)
    site = next(s for s in analysis["sites"] if s["id"] == site_of(watched))
    rows, columns = site["grid"]["rows"], site["grid"]["columns"]
    expect(page.locator("#sentence")).to_contain_text(f"row {rows // 2}, column {columns // 2}")
    values = row_of(watched, analysis, f"{rows // 2},{columns // 2}")
    inner = np.zeros((rows, columns), dtype=bool)
    inner[1:-1, 1:-1] = True
    wanted = expected_cells(watched.server, values, "viridis", 0.7)
    seen = seen_cells(page, analysis, rows, columns)
    assert np.abs(seen - wanted)[inner].max() <= 6
