"""Networks of somebody's own, with more heads than those of this project."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MANY_HEADS, Watched

pytestmark = pytest.mark.browser

SHEET = """() => {
  const boxes = (one) => [...one].map((cell) => {
    const { x, y, width, height } = cell.getBoundingClientRect();
    return { x, y, width, height, text: cell.textContent };
  });
  const table = document.querySelector(".all-heads");
  const rows = [...table.querySelectorAll("tbody tr")];
  return {
    heads: boxes(table.querySelectorAll("thead th")).slice(1),
    rows: rows.map((row) => ({
      label: boxes(row.querySelectorAll("th"))[0],
      cells: boxes(row.querySelectorAll("td")),
    })),
  };
}"""


@pytest.mark.parametrize("heads", MANY_HEADS)
def test_the_head_sheet_is_a_grid_for_any_number_of_heads(watched: Watched, heads: int) -> None:
    page = watched.open(f"?sample=sunflower&model=heads_{heads}&tab=heads")
    expect(page.locator(".mini")).to_have_count(2 * heads)
    sheet: dict[str, Any] = page.evaluate(SHEET)
    assert [one["text"] for one in sheet["heads"]] == [str(head) for head in range(heads)]
    assert [row["label"]["text"] for row in sheet["rows"]] == ["0", "1"]
    for row in sheet["rows"]:
        assert len(row["cells"]) == heads
        for number, cell in zip(sheet["heads"], row["cells"], strict=True):
            assert cell["x"] == pytest.approx(number["x"], abs=1), "a head stands under its number"
            assert cell["y"] == pytest.approx(row["cells"][0]["y"], abs=1), "a layer is one row"
            assert cell["width"] == pytest.approx(row["cells"][0]["width"], abs=1)
            assert cell["width"] >= 18
        assert row["label"]["x"] + row["label"]["width"] <= row["cells"][0]["x"] + 1
    page.locator(".mini").last.click()
    expect(page.locator("#sentence")).to_contain_text(f"Attention 1, head {heads - 1}")


def test_strips_lie_along_the_edges_of_what_the_network_saw(watched: Watched) -> None:
    page = watched.open("?sample=sunflower&model=strips&site=s03")
    rows, columns = page.locator(".strip-of-rows"), page.locator(".strip-of-columns")
    expect(rows).to_have_count(14)
    expect(columns).to_have_count(14)
    edges = page.evaluate(
        """() => ["rows", "columns"].map((strip) => {
          const all = [...document.querySelectorAll(`.strip-of-${strip}`)];
          const of = (name) => all.map((one) => Number(one.getAttribute(name)));
          return { x: of("x"), y: of("y"), width: of("width"), height: of("height") };
        })"""
    )
    upright, flat = edges
    assert len(set(upright["x"])) == len(set(flat["y"])) == 1
    assert upright["x"][0] == pytest.approx(flat["x"][0])
    assert upright["y"][0] == pytest.approx(flat["y"][0])
    for starts, sizes in ((upright["y"], upright["height"]), (flat["x"], flat["width"])):
        ends = [start + size for start, size in zip(starts, sizes, strict=True)]
        assert ends[:-1] == pytest.approx(starts[1:])
    expect(page.locator("#sentence")).to_contain_text("Strip gate 3")
