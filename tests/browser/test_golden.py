"""The stage as it was looked at and found right, kept as small pictures and compared with a
tolerance: what is drawn, without text, whose shapes differ between machines.

A picture that is not there is written, and the test fails: look at it before it is kept.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Watched

pytestmark = pytest.mark.browser

GOLDEN = Path(__file__).parent / "golden"
SIZE = (240, 180)
WITHOUT_TEXT = ".hint, .zoom, figcaption { visibility: hidden !important }"

VIEWS = {
    "attention": "?sample=sunflower&model=vit&site=s08&query=6,6",
    "zoomed": "?sample=sunflower&model=vit&site=s08&query=6,6&zoom=2,0.25,0.25&scale=sqrt",
    "signed": "?sample=sunflower&model=vit&method=positions&query=6,6",
    "window": "?sample=sunflower&model=tnt&site=s05&query=14,14",
    "gate": "?sample=sunflower&model=cbam_resnet",
    "grid": "?sample=digit_turned&model=stn_digits&site=s01",
    "mask": "?sample=room_bricks&model=sa_unet&method=mask",
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_stage_is_as_it_was_looked_at(watched: Watched, name: str) -> None:
    page = watched.open(VIEWS[name])
    page.add_style_tag(content=WITHOUT_TEXT)
    page.mouse.move(2, 2)
    expect(page.locator("#stage")).not_to_have_class("waiting")
    page.wait_for_load_state("networkidle")
    taken = Image.open(io.BytesIO(page.locator("#stage .figures").screenshot())).convert("RGB")
    small = taken.resize(SIZE, Image.Resampling.BOX)
    file = GOLDEN / f"{name}.png"
    if not file.exists():
        GOLDEN.mkdir(exist_ok=True)
        small.save(file, optimize=True)
        pytest.fail(f"{file.name} was not there and is written now: look at it")
    with Image.open(file) as golden:
        wanted = np.asarray(golden.convert("RGB"), dtype=float)
    difference = np.abs(np.asarray(small, dtype=float) - wanted).max(-1)
    # Edges move by a part of a pixel between browsers; areas do not change their colour.
    assert difference.mean() < 4, f"{name}: {difference.mean():.1f} levels in the mean"
    assert (difference > 40).mean() < 0.03, f"{name}: {(difference > 40).mean():.1%} of it differs"
