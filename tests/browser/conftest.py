"""A real server on a socket and a real Chromium, shared by all tests of the page.

Every page is watched: a console error, a violation of the content security policy or a request to
another origin fails the test that caused it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from safetensors.torch import save_file

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.networks import build
from tests.real_weights import FILE, IMAGENET_VIT, real_weights

ROOT = Path(__file__).parents[2]
WINDOWED = "mobilevit_xxs.cvnets_in1k"
MANY_HEADS = (12, 16, 24)
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
START_S = 240
# Waiting costs nothing where the machine is quick, and a busy one is no fault of the page's.
expect.set_options(timeout=60_000)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # WebGL2 in software, for the tests that ask for it
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Fovea."""
    weights = _weights(tmp_path_factory.mktemp("weights"))
    folder = tmp_path_factory.mktemp("server")
    own = _own_models(tmp_path_factory.mktemp("own"))
    settings = {"FOVEA_WEIGHTS_DIR": str(weights), "FOVEA_MODELS_DIR": str(own)}
    with serving(folder, **settings, HF_HUB_OFFLINE="1") as address:
        yield address


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[str]:
    """The address of a Fovea of one's own; its log is kept in the folder."""
    port = free_port()
    log = folder / "log.txt"
    environment = {**os.environ, "FOVEA_PORT": str(port), **settings}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fovea", "serve"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_ready(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=60)


def _weights(folder: Path) -> Path:
    """The ImageNet ViT where it is, and random weights for a small network with windows."""
    declare_missing_operators()
    import timm

    if real := real_weights():
        (folder / FILE).symlink_to((real / FILE).resolve())
    torch.manual_seed(0)
    save_file(timm.create_model(WINDOWED).state_dict(), folder / f"{WINDOWED}.safetensors")
    return folder


def _own_models(folder: Path) -> Path:
    """Networks of somebody's own, two layers of 12, 16 and 24 heads with random weights."""
    declare_missing_operators()
    import timm

    for heads in MANY_HEADS:
        torch.manual_seed(heads)
        network = timm.create_model(
            "vit_tiny_patch16_224", embed_dim=8 * heads, num_heads=heads, depth=2, num_classes=5
        )
        save_file(network.state_dict(), folder / f"heads_{heads}.safetensors")
        lines = [
            'builder = "timm:vit_tiny_patch16_224"',
            f'weights = "heads_{heads}.safetensors"',
            f'title = "{heads} heads"',
            'labels = ["daisy", "dandelion", "rose", "sunflower", "tulip"]',
            "[arguments]",
            f"embed_dim = {8 * heads}",
            f"num_heads = {heads}",
            "depth = 2",
            "num_classes = 5",
        ]
        (folder / f"heads_{heads}.toml").write_text("\n".join(lines), "utf-8")
    torch.manual_seed(0)
    strips = build("gated_resnet", gate="coordinate", classes=5)
    save_file(strips.state_dict(), folder / "strips.safetensors")
    lines = [
        'builder = "fovea.models.networks.gated_resnet:GatedResNet"',
        'weights = "strips.safetensors"',
        'labels = ["daisy", "dandelion", "rose", "sunflower", "tulip"]',
        '[arguments]\ngate = "coordinate"\nclasses = 5',
        "[preprocessing]\nsize = [112, 112]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]",
        'interpolation = "bilinear"\ncrop = "centre"',
    ]
    (folder / "strips.toml").write_text("\n".join(lines), "utf-8")
    return folder


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"not ready after {START_S} s:\n{log.read_text()}")


# For this package only: while it is open, the driver's event loop runs in this thread, and a test
# elsewhere could not run one of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # The shell is the same engine without windows: a page takes a third of the time to open.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell") or shutil.which("chromium"),
            args=CHROMIUM_FLAGS,
        )
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page with what must not happen on it."""

    page: Page
    server: str
    complaints: list[str] = field(default_factory=list)
    expected: str = ""
    """Complaints that contain this are what the test is about."""

    def open(self, query: str = "") -> Page:
        """Opens a view and waits until something is drawn.

        Chromium drops what is in flight when the machine's network interfaces change, as they do
        when containers start beside the tests; the view is then opened again.
        """
        self.page.goto(f"{self.server}/{query}")
        drawn = self.page.locator("#sentence:not(:empty)")
        for _ in range(2):
            network = [complaint for complaint in self.complaints if NETWORK_CHANGED in complaint]
            if not network:
                break
            for complaint in network:
                self.complaints.remove(complaint)
            self.page.goto(f"{self.server}/{query}")
        expect(drawn).to_be_attached()
        return self.page

    def unexpected(self) -> list[str]:
        if not self.expected:
            return self.complaints
        return [complaint for complaint in self.complaints if self.expected not in complaint]


def watch(context: BrowserContext, server: str) -> Watched:
    page = context.new_page()
    watched = Watched(page, server)
    complain = watched.complaints.append
    page.on(
        "console",
        lambda message: (
            complain(f"console: {message.text} {message.location['url']}")
            if message.type == "error"
            else None
        ),
    )
    page.on("pageerror", lambda error: complain(f"error: {error}"))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((server, "blob:", "data:"))
            else complain(f"request to another origin: {request.url}")
        ),
    )
    page.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " (e) => console.error('CSP', e.violatedDirective, e.blockedURI))"
    )
    return watched


def open_watched(browser: Browser, server: str, **options: Any) -> Iterator[Watched]:
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(60_000)
    watched = watch(context, server)
    yield watched
    context.close()
    assert watched.unexpected() == []


@pytest.fixture
def watched(browser: Browser, server: str) -> Iterator[Watched]:
    yield from open_watched(browser, server)


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Watched]:
    viewport = {"width": 390, "height": 844}
    yield from open_watched(
        browser, server, viewport=viewport, has_touch=True, is_mobile=True, device_scale_factor=2
    )


@pytest.fixture(scope="package")
def models(server: str) -> dict[str, dict[str, Any]]:
    """The catalogue by id."""
    import json

    with urllib.request.urlopen(f"{server}/v1/models") as answer:
        return {model["id"]: model for model in json.load(answer)}


@dataclass(frozen=True)
class Attending:
    """A model with attention between patches, and its attention sites from the first layer on."""

    model: str
    sites: tuple[dict[str, Any], ...]

    def site(self, layer: int) -> str:
        """The id of the attention in this layer."""
        return str(self.sites[layer]["id"])


@pytest.fixture(
    scope="package",
    params=["vit", pytest.param(IMAGENET_VIT, marks=pytest.mark.real)],
    ids=["bundled", "imagenet"],
)
def attending(request: pytest.FixtureRequest, server: str) -> Attending:
    """The bundled ViT, and besides it the ImageNet one where its weights are."""
    import json

    photo = (ROOT / "frontend/samples/chelsea.jpg").read_bytes()
    asked = urllib.request.Request(
        f"{server}/v1/analyses?model={request.param}",
        data=photo,
        headers={"Content-Type": "image/jpeg"},
    )
    with urllib.request.urlopen(asked) as answer:
        sites = json.load(answer)["sites"]
    return Attending(request.param, tuple(one for one in sites if one["kind"] == "attention"))
