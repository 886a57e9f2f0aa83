"""The export dialog: pictures at several sizes, drawings, numbers, and commands that are run."""

from __future__ import annotations

import base64
import io
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Watched
from tests.browser.looking import analysis_of, get, sentence

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"
VIEW = "?sample=sunflower&model=vit&site=s08&head=1&query=3,4&direction=to"
SAMPLES = ROOT / "frontend/samples"


def opened(watched: Watched, view: str) -> Page:
    page = watched.open(view)
    page.locator("#export").click()
    expect(page.locator("#figures h2")).to_be_visible()
    return page


def taken(page: Page, button: str, folder: Path) -> Path:
    """What a button of the dialog saves."""
    with page.expect_download() as download:
        page.locator(f"#{button}").click()
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def run(command: list[str], folder: Path) -> np.ndarray:
    (folder / "map.npy").unlink(missing_ok=True)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)
    return np.load(folder / "map.npy")


def test_every_copied_command_gives_the_pictures_numbers(watched: Watched, tmp_path: Path) -> None:
    page = opened(watched, VIEW)
    path = f"/v1/analyses/{analysis_of(page)}/sites/s08/attention"
    answer = get(watched.server, path, query="3,4", direction="to", head=1)
    expected = np.array(answer["values"], np.float32)
    assert answer["sentence"].split(":")[1].strip(". ") in sentence(page).casefold()

    np.testing.assert_array_equal(np.load(taken(page, "npy", tmp_path)), expected)
    lines = np.loadtxt(taken(page, "csv", tmp_path), delimiter=",", skiprows=1)
    np.testing.assert_array_equal(lines[:, 2].astype(np.float32), expected.ravel())

    shell = page.locator("#as-curl").inner_text()
    np.testing.assert_array_equal(run(["sh", "-c", shell], tmp_path), expected)
    python = page.locator("#as-python").inner_text() + "\nnp.save('map.npy', values)\n"
    np.testing.assert_array_equal(run([sys.executable, "-c", python], tmp_path), expected)

    words = shlex.split(page.locator("#as-command").inner_text())
    assert words[:3] == ["fovea", "explain", "sunflower.jpg"]
    words[2] = str(SAMPLES / words[2])
    made = run([sys.executable, "-m", "fovea", *words[1:]], tmp_path)
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_a_drawing_has_its_words_as_text(watched: Watched, tmp_path: Path) -> None:
    page = opened(watched, VIEW)
    drawing = ET.parse(taken(page, "svg", tmp_path)).getroot()
    said = " ".join(one.text or "" for one in drawing.iter(f"{SVG}text"))
    assert sentence(page) in said
    for end in page.locator(".legend:not(.class-legend) > .number").all_inner_texts():
        assert end in said
    assert drawing.find(f".//{SVG}linearGradient") is not None
    assert len(drawing.findall(f".//{SVG}path")) == 2, "the pinned patch is outlined"
    photo, overlay = drawing.findall(f".//{SVG}image")
    for one in (photo, overlay):
        data = base64.b64decode(one.attrib["href"].split(",")[1])
        with Image.open(io.BytesIO(data)) as picture:
            analysis = get(watched.server, f"/v1/analyses/{analysis_of(page)}")
            assert picture.size == tuple(analysis["image"][side] for side in ("width", "height"))
    whole = taken(page, "html", tmp_path).read_text("utf-8")
    assert "http" not in whole.replace("http://www.w3.org/2000/svg", "")
    assert whole.count("<td ") == 14 * 14


def test_a_picture_is_as_many_times_as_large(watched: Watched, tmp_path: Path) -> None:
    page = opened(watched, VIEW)
    sizes, small = {}, {}
    for times in (1, 3):
        with Image.open(taken(page, f"png-{times}", tmp_path)) as picture:
            sizes[times] = picture.size
            small[times] = np.array(picture.convert("RGB").resize((96, 96))).astype(int)
    assert sizes[3] == tuple(3 * side for side in sizes[1])
    assert np.abs(small[1] - small[3]).mean() < 3


@pytest.mark.parametrize(
    ("view", "map_name"),
    [
        ("?sample=sunflower&model=vit&method=rollout", "rollout"),
        ("?sample=chelsea&model=se_resnet", None),
        ("?sample=digit_turned&model=stn_digits&site=s01", "grid"),
        ("?model=text_transformer", "attention"),
    ],
)
def test_every_kind_of_picture_names_its_numbers(
    watched: Watched, tmp_path: Path, view: str, map_name: str | None
) -> None:
    page = opened(watched, view)
    assert np.load(taken(page, "npy", tmp_path)).size > 1
    if map_name is None:
        expect(page.locator("#as-command")).to_have_count(0)
    else:
        expect(page.locator("#as-command")).to_contain_text(f"--map {map_name}")
