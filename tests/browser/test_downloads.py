"""Weights that are fetched while a person looks on: progress, an end, and the model at work."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect
from safetensors.torch import save

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from tests.browser.conftest import Watched, open_watched, serving
from tests.hub import Hub, a_hub

pytestmark = pytest.mark.browser

MODEL = "test_vit.r160_in1k"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub on loopback that has one small network; bodies stop after a piece until told on."""
    declare_missing_operators()
    import timm

    torch.manual_seed(0)
    weights = save(timm.create_model(MODEL, pretrained=False).state_dict())
    with pytest.MonkeyPatch.context() as patch, a_hub(patch) as hub:
        hub.files[f"timm/{MODEL}"] = weights
        yield hub


@pytest.fixture(scope="module")
def connected(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Fovea that asks this hub and has fetched nothing so far."""
    folder = tmp_path_factory.mktemp("connected")
    with serving(
        folder, HF_ENDPOINT=hub.url, FOVEA_CACHE_DIR=str(folder / "cache"), FOVEA_WEIGHTS_DIR=""
    ) as address:
        yield address


@pytest.fixture
def watching(browser: Browser, connected: str) -> Iterator[Watched]:
    yield from open_watched(browser, connected)


def found(page: Page) -> Locator:
    """The card of the model that only the hub has."""
    page.locator("#model").click()
    page.locator("#model-search").fill("test_vit r160")
    card = page.locator(f'[data-slot="{MODEL}"]')
    expect(card).to_contain_text("downloads")
    return card


def test_a_download_is_cancelled_and_then_goes_to_its_end(watching: Watched, hub: Hub) -> None:
    hub.flows.clear()
    page = watching.open("?sample=sunflower&model=se_resnet")
    card = found(page)
    card.locator(".card").click()
    expect(card.locator(".download")).to_contain_text(re.compile(r"kB of [\d.]+ [kM]B"))
    expect(card.locator("progress")).to_have_attribute("value", re.compile(r"^0\.\d+"))
    card.get_by_role("button", name="Cancel").click()
    hub.flows.set()
    expect(card).to_contain_text("cancelled")
    expect(page.locator("#sentence")).to_contain_text("Channel gate")

    card.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#sentence")).to_contain_text("class token")
    expect(page).to_have_url(re.compile(re.escape(MODEL)))


def test_a_download_that_fails_says_why_and_can_be_tried_again(watching: Watched, hub: Hub) -> None:
    missing = "test_vit2.r160_in1k"
    page = watching.open("?sample=sunflower&model=se_resnet")
    page.locator("#model").click()
    page.locator("#model-search").fill("test_vit2 r160")
    card = page.locator(f'[data-slot="{missing}"]')
    card.locator(".card").click()
    expect(card.get_by_role("button", name="Try again")).to_be_visible()
    expect(card.locator(".download")).to_contain_text(re.compile("hub|not on this machine"))
    expect(page.locator("#sentence")).to_contain_text("Channel gate")
