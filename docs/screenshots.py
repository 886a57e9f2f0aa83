"""Takes the pictures in docs/images from the running product.

    python -m docs.screenshots [NAME …]

A picture whose model is not in the catalogue is left as it is. Chromium is the one on PATH, else
Playwright's own.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
LARGEST_BYTES = 300_000
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
VIT = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@dataclass(frozen=True)
class Shot:
    """One picture: the view's address, the colours, the screen, and what to click before."""

    name: str
    model: str
    view: str
    dark: bool = True
    phone: bool = False
    hover: tuple[float, float] | None = None
    click: str | None = None
    wait_for: str | None = None


SHOTS = (
    Shot("class-token", VIT, "sample=chelsea"),
    Shot("patch", VIT, "sample=chelsea&site=s05&tab=how", dark=False, hover=(0.43, 0.41)),
    Shot("heads", VIT, "sample=chelsea&site=s05&query=5,4&tab=heads", wait_for=".mini"),
    Shot("rollout", VIT, "sample=chelsea&method=rollout&scale=percentile", dark=False),
    Shot("relevance", VIT, "sample=chelsea&method=relevance&scale=percentile"),
    Shot("token-length", VIT, "sample=chelsea&site=s10&method=token-lengths"),
    Shot("numbers", VIT, "sample=coffee&site=s05&tab=numbers", wait_for=".chart .main-svg"),
    Shot("vit", "vit", "sample=sunflower"),
    Shot("tnt", "tnt", "sample=sunflower"),
    Shot("squeeze-excitation", "se_resnet", "sample=sunflower"),
    Shot(
        "channels",
        "se_resnet",
        "sample=sunflower&tab=channels",
        dark=False,
        wait_for="#gate-chart .main-svg",
    ),
    Shot(
        "steps",
        "se_resnet",
        "sample=sunflower&site=s03&tab=how",
        dark=False,
        wait_for=".walkthrough svg",
    ),
    Shot("positions", VIT, "sample=chelsea&method=positions&query=5,6&tab=how"),
    Shot(
        "compare",
        "cbam_resnet",
        "sample=sunflower",
        dark=False,
        click="#compare",
        wait_for=".compare-card:nth-child(3) .sentence:not(:empty)",
    ),
    Shot("efficient-channel-attention", "eca_resnet", "sample=stop_sign", dark=False),
    Shot("cbam", "cbam_resnet", "sample=sunflower"),
    Shot("feature-map-attention", "sa_resnet", "sample=stop_sign", hover=(0.3, 0.3)),
    Shot("spatial-transformer", "stn_digits", "sample=digit_turned"),
    Shot("words", "captioner", "sample=camera"),
    Shot("words-before", "captioner", "sample=camera&site=s06", dark=False),
    Shot("sentence", "text_transformer", "", dark=False),
    Shot(
        "word-positions",
        "text_transformer",
        "text=my sad horse always finds them&word=3&method=positions&tab=how",
    ),
    Shot("mask", "sa_unet", "sample=room_bricks&method=mask"),
    Shot("mask-attention", "sa_unet", "sample=room_bricks&method=site", hover=(0.5, 0.35)),
    Shot("grad-cam", "se_resnet", "sample=sunflower&method=grad-cam", dark=False),
    Shot(
        "what-if",
        VIT,
        "sample=chelsea&site=s05&query=5,6&tab=what-if&edits="
        '[{"edit":"off","site":"s05","heads":[0,2]},{"edit":"skip","site":"s07"}]',
        wait_for=".changes",
    ),
    Shot(
        "what-if-theta",
        "stn_digits",
        "sample=digit_turned&tab=what-if&edits="
        '[{"edit":"theta","site":"s01","theta":[[0.5,0.5,0],[-0.5,0.5,0]]}]',
        dark=False,
        wait_for=".changes",
    ),
    Shot(
        "what-if-hidden",
        VIT,
        "sample=chelsea&site=s05&query=5,6&tab=what-if&edits="
        '[{"edit":"hide","site":"s05","cells":[[4,4],[4,5],[5,4],[5,5]]},{"edit":"positions-off"}]',
        dark=False,
        wait_for=".changes",
    ),
    Shot(
        "what-if-gate",
        "se_resnet",
        "sample=sunflower&site=s03&tab=what-if&edits="
        '[{"edit":"shut","site":"s03","channels":[4,9]}]',
        wait_for=".changes",
    ),
    Shot(
        "is-it-true",
        VIT,
        "sample=chelsea&method=relevance&tab=truth",
        click="#measure",
        wait_for=".verdict",
    ),
    Shot("models", VIT, "sample=chelsea", dark=False, click="#model", wait_for=".card"),
    Shot("phone", VIT, "sample=chelsea", phone=True),
    Shot("phone-heads", VIT, "sample=chelsea", phone=True, dark=False, click="#tab-heads"),
    Shot("phone-words", "captioner", "sample=camera", phone=True),
    Shot("phone-sentence", "text_transformer", "", phone=True, dark=False),
)


@contextmanager
def serving() -> Iterator[str]:
    """The address of a Fovea of our own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "FOVEA_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "fovea", "serve"], env=environment)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def take(browser: Browser, address: str, shot: Shot) -> bytes:
    """The view as PNG bytes, once it has come to rest."""
    context = browser.new_context(
        viewport=PHONE if shot.phone else DESKTOP,
        device_scale_factor=1.5 if shot.phone else 1,
        has_touch=shot.phone,
        is_mobile=shot.phone,
        color_scheme="dark" if shot.dark else "light",
    )
    page = context.new_page()
    page.goto(f"{address}/?{shot.view}&model={shot.model}")
    page.locator("#sentence:not(:empty)").wait_for(timeout=60_000)
    if shot.click:
        page.locator(shot.click).click()
    if shot.wait_for:
        page.locator(shot.wait_for).first.wait_for(timeout=240_000)
    page.wait_for_timeout(2500)  # the depth strip fills while the page is idle
    if shot.hover:
        _hover(page, *shot.hover)
    taken = page.screenshot()
    context.close()
    return taken


def _hover(page: Page, across: float, down: float) -> None:
    box = page.locator("#frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
    page.wait_for_timeout(300)


def compressed(png: bytes) -> bytes:
    """The same picture without the two lowest bits of every colour, which no eye misses; made
    smaller only where that is still too large.
    """
    picture = Image.open(io.BytesIO(png)).convert("RGB").point(lambda value: value & 0xFC | 2)
    while True:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST_BYTES:
            return buffer.getvalue()
        smaller = round(picture.width * 0.9), round(picture.height * 0.9)
        picture = picture.resize(smaller, Image.Resampling.LANCZOS)


def main(names: list[str]) -> None:
    """Takes the named pictures, or all."""
    IMAGES.mkdir(exist_ok=True)
    with serving() as address, sync_playwright() as playwright:
        with urllib.request.urlopen(f"{address}/v1/models") as answer:
            known = {model["id"] for model in json.load(answer)}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for shot in (one for one in SHOTS if not names or one.name in names):
            if shot.model not in known:
                print(f"{shot.name}: left as it is, {shot.model} is not in the catalogue")
                continue
            file = IMAGES / f"{shot.name}.png"
            file.write_bytes(compressed(take(browser, address, shot)))
            print(f"{shot.name}: {file.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
