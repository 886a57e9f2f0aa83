"""What a test can see of the page: the overlay's pixels, and what the API says they should be."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from tests.browser.conftest import Watched

READ_CANVAS = """(selector) => {
  const source = document.querySelector(selector);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: source.width, height: source.height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let i = 0; i < data.length; i += 8192) {
    text += String.fromCharCode(...data.subarray(i, i + 8192));
  }
  return [canvas.width, canvas.height, btoa(text)];
}"""

GREY = 128.0
"""Canvases are read over this grey, as they are seen over a photo."""


def pixels(page: Page, selector: str = "#frame .overlay") -> NDArray[np.uint8]:
    """(row, column, 3) of a canvas, over grey."""
    import base64

    width, height, text = page.evaluate(READ_CANVAS, selector)
    flat = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return flat.reshape(height, width, 4)[..., :3]


def get(server: str, path: str, **parameters: Any) -> Any:
    """JSON from the API."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    request = urllib.request.Request(
        f"{server}{path}{query}", headers={"Accept": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def analysis_of(page: Page) -> str:
    """The id of the shown analysis, which the page asked for last."""
    entries = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    ids = [
        entry.split("/v1/analyses/")[1].split("/")[0]
        for entry in entries
        if "/v1/analyses/" in entry
    ]
    return str(ids[-1])


def colour_cells(server: str, values: NDArray[np.float64], colormap: str) -> NDArray[np.float64]:
    """(row, column, 3): the colour of each value; of values on both sides of zero the one table
    that diverges.
    """
    signed = values.min() < 0 < values.max()
    digits = get(server, "/vendor/colormaps.json")["coolwarm" if signed else colormap]
    table = np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(256, 3)
    return table[np.floor(placed(values) * 255 + 0.5).astype(int)].astype(np.float64)


def placed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0…1 between the ends of the colours: zero is in the middle where it lies among the values."""
    low, high = values.min(), values.max()
    if low < 0 < high:
        high = max(-low, high)
        low = -high
    return np.asarray((values - low) / (high - low))


def expected_cells(
    server: str, values: NDArray[np.float64], colormap: str, opacity: float
) -> NDArray[np.float64]:
    """(row, column, 3): what each cell must look like over grey: its opacity grows with its value,
    or with its distance from zero.
    """
    signed = values.min() < 0 < values.max()
    shares = np.abs(2 * placed(values) - 1) if signed else placed(values)
    alpha = opacity * shares[..., None]
    return colour_cells(server, values, colormap) * alpha + GREY * (1 - alpha)


def cell_centre(
    analysis: dict[str, Any], row: int, column: int, rows: int, columns: int
) -> tuple[float, float]:
    """(x, y) on the photo."""
    (a, _, c), (_, e, f) = analysis["geometry"]["image_to_input"]
    inputs = analysis["geometry"]["input"]
    x = ((column + 0.5) * inputs["width"] / columns - c) / a
    y = ((row + 0.5) * inputs["height"] / rows - f) / e
    return x, y


def seen_cells(page: Page, analysis: dict[str, Any], rows: int, columns: int) -> NDArray[np.uint8]:
    """(row, column, 3): the pixel in the middle of each cell that lies on the photo."""
    seen = pixels(page)
    width, height = analysis["image"]["width"], analysis["image"]["height"]
    cells = np.zeros((rows, columns, 3), dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            x, y = cell_centre(analysis, row, column, rows, columns)
            place = int(y / height * seen.shape[0]), int(x / width * seen.shape[1])
            cells[row, column] = seen[place]
    return cells


def sentence(page: Page) -> str:
    return page.locator("#sentence").inner_text()


def attention(watched: Watched, site: str, **parameters: object) -> np.ndarray:
    analysis = analysis_of(watched.page)
    answer = get(watched.server, f"/v1/analyses/{analysis}/sites/{site}/attention", **parameters)
    return np.array(answer["values"], dtype=float).reshape(answer["shape"])
