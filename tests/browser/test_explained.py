"""The page that `fovea explain … -o page.html` writes, in a real browser."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser

from fovea.models.catalog.catalog import Catalog
from fovea.models.maps.rollout import rollout
from fovea.models.preprocessing import prepare
from fovea.models.running.inference import run
from fovea.server.intake.imaging import decode

pytestmark = pytest.mark.browser

SUNFLOWER = Path(__file__).parents[2] / "frontend/samples/sunflower.jpg"


def test_it_lies_on_the_photo_slides_and_tells_values(browser: Browser, tmp_path: Path) -> None:
    """The box lies where the crop is, the slider moves the map, the pointer reads the value."""
    out = tmp_path / "page.html"
    # In a process of its own: here the browser's event loop is running.
    command = Path(sys.executable).with_name("fovea")
    subprocess.run([command, "explain", SUNFLOWER, "--model", "vit", "-o", out], check=True)
    vit = Catalog().load("vit")
    pixels = torch.from_numpy(decode(SUNFLOWER.read_bytes(), 10**7).pixels).permute(2, 0, 1)
    inputs, geometry = prepare(pixels, vit.spec.preprocessing)
    _, (trace,) = run(vit.module, inputs, vit.layouts)
    expected = rollout(trace).values

    complaints: list[str] = []
    asked: list[str] = []
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url.split(":")[0]))
    page.goto(out.as_uri())
    photo, box = (page.locator(f".{name}").bounding_box() for name in ("photo", "box"))
    assert photo is not None
    assert box is not None
    left, top, right, bottom = geometry.crop
    assert box["x"] - photo["x"] == pytest.approx(left, abs=0.6)
    assert box["y"] - photo["y"] == pytest.approx(top, abs=0.6)
    assert box["width"] == pytest.approx(right - left, abs=0.6)
    assert box["height"] == pytest.approx(bottom - top, abs=0.6)
    page.mouse.move(box["x"] + box["width"] * 9.5 / 14, box["y"] + box["height"] * 5.5 / 14)
    told = re.fullmatch(r"row 5, column 9: (\S+)", page.locator("#value").inner_text())
    assert told is not None
    assert float(told[1]) == pytest.approx(float(expected[5, 9]), rel=1e-3)
    page.locator("#opacity").fill("0")
    assert page.locator(".map").evaluate("map => getComputedStyle(map).opacity") == "0"
    page.close()
    assert complaints == []
    assert set(asked) <= {"file", "data"}
