"""What a network is first shown is something that it knows, and what it knows is said."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.acting import SAMPLES
from tests.browser.conftest import ROOT, Watched

SUNFLOWER = next(sample for sample in SAMPLES if sample["file"] == "sunflower.jpg")


@pytest.mark.parametrize("model", SUNFLOWER["chosen_for"])
def test_its_first_photo_is_answered_rightly(server: str, model: str) -> None:
    asked = urllib.request.Request(
        f"{server}/v1/analyses?model={model}",
        data=(ROOT / "frontend/samples" / SUNFLOWER["file"]).read_bytes(),
        headers={"Content-Type": "image/jpeg"},
    )
    with urllib.request.urlopen(asked) as answer:
        first = json.load(answer)["predictions"][0]
    assert first["label"] == "sunflower"


def test_what_a_network_knows_is_said_beside_its_answer(watched: Watched) -> None:
    page = watched.open("?sample=chelsea&model=tnt")
    expect(page.locator("#knows")).to_contain_text("It knows 101 kinds of things and no others")
    expect(page.locator("#knows")).to_contain_text("It is not sure")
    page.locator("#model").click()
    expect(page.locator('[data-model="stn_digits"]')).to_contain_text("knows 10 kinds of things")
    page.locator('[data-model="tnt"]').click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.locator("#model").click()
    page.locator('[data-model="se_resnet"]').click()
    expect(page).to_have_title("Sunflower · SE-ResNet · Caltech-101 · Fovea")
