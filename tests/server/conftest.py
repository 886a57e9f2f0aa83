"""A real server on a socket with small real networks, and the ImageNet ViT where that is there."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from fastapi import FastAPI
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from fovea.models.catalog.catalog import Catalog, UnknownModel
from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.preprocessing import Preprocessing
from fovea.server.app import create_app
from fovea.server.commands.cli import listen
from fovea.server.engine.engine import Engine
from fovea.server.http.connections import Server, config
from fovea.server.settings import Settings
from tests.real_weights import FILE, real_weights

VIT = "test_vit.r160_in1k"
SE = "test_efficientnet.r160_in1k"
WINDOWED = "mobilevit_xxs.cvnets_in1k"
START_S = 240


@dataclass(frozen=True)
class Running:
    """A server under test. client: over a socket; app: looked into where no route can."""

    url: str
    client: httpx.Client
    app: FastAPI

    @property
    def engine(self) -> Engine:
        engine: Engine = self.app.state.engine
        return engine

    @property
    def address(self) -> tuple[str, int]:
        parts = httpx.URL(self.url)
        return parts.host, parts.port or 80

    def analyse(self, data: bytes, model: str = VIT) -> dict[str, Any]:
        response = self.client.post("/v1/analyses", params={"model": model}, content=data,
                                    headers={"Content-Type": "image/png"})  # fmt: skip
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture(scope="session")
def weights_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeded random weights for small networks of timm, and the ImageNet ViT if it is there."""
    declare_missing_operators()
    import timm

    folder = tmp_path_factory.mktemp("weights")
    for name in (VIT, SE, WINDOWED):
        torch.manual_seed(5)
        network = timm.create_model(name, pretrained=False)
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    if real := real_weights():
        (folder / FILE).symlink_to(real / FILE)
    return folder


@contextmanager
def running(settings: Settings, catalog: Catalog | None = None) -> Iterator[Running]:
    app = create_app(settings, catalog)
    listener = listen("127.0.0.1", 0)
    server = Server(config(app, settings.model_copy(update={"shutdown_timeout_s": 5})))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        # Connections are let go before the server does, so that no request meets a closing one.
        kept = httpx.Limits(keepalive_expiry=5)
        with httpx.Client(base_url=url, timeout=60, limits=kept) as client:
            until(lambda: server.started)
            yield Running(url, client, app)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def until(condition: Callable[[], object], limit_s: float = START_S) -> None:
    """Waits for something that another thread does."""
    end = monotonic() + limit_s
    while not condition():
        assert monotonic() < end, "waited in vain"
        sleep(0.01)


@pytest.fixture(scope="session")
def serve(weights_dir: Path) -> Iterator[Callable[..., Running]]:
    """Makes a server with settings of its own; all end with the session."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Running:
            defaults = {"weights_dir": weights_dir, "offline": True, "default_model": VIT}
            return stack.enter_context(running(Settings(**{**defaults, **settings})))

        yield start


@pytest.fixture(scope="session")
def site(serve: Callable[..., Running]) -> Running:
    """The server most tests share, ready."""
    started = serve()
    until(lambda: started.client.get("/readyz").status_code == 200)
    return started


def png_of(pixels: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[[int], bytes]:
    """A photo made of noise, another one for each seed, 200 × 120 pixels."""

    def make(seed: int) -> bytes:
        return png_of(np.random.default_rng(seed).integers(0, 256, (120, 200, 3), dtype=np.uint8))

    return make


@pytest.fixture(scope="session")
def analysis(site: Running, picture: Callable[[int], bytes]) -> dict[str, Any]:
    """An analysis by the small ViT, kept."""
    return site.analyse(picture(0))


@pytest.fixture(scope="session")
def gated(site: Running, picture: Callable[[int], bytes]) -> dict[str, Any]:
    """An analysis by the small network with channel gates, kept."""
    return site.analyse(picture(0), SE)


class Turnstile(nn.Module):
    """A network of one attention whose forward pass waits until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(3 * 8 * 8, 2 * 16)
        self.open = threading.Event()
        self.batches: list[int] = []
        self.fails_above: int | None = None

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """photos: (photo, 3, 32, 32), cut into 4 × 4 patches."""
        self.batches.append(len(photos))
        if self.fails_above is not None and len(photos) > self.fails_above:
            raise torch.OutOfMemoryError("more than this device has")
        assert self.open.wait(30)
        patches = photos.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).flatten(3)
        query, key = self.project(patches.flatten(1, 2)).chunk(2, dim=-1)
        attention = nn.functional.scaled_dot_product_attention
        seen = attention(query[:, None], key[:, None], key[:, None])
        return seen.mean((1, 2))


class OneNetwork(Catalog):
    """A catalogue of one Turnstile, which can also be made slow or impossible to load."""

    ID = "turnstile"

    def __init__(self) -> None:
        super().__init__(offline=True)
        self.network = Turnstile()
        self.loads = 0
        self.load_error: Exception | None = None

    def listed(self) -> list[ModelSpec]:
        return [self.spec(self.ID)]

    def spec(self, model: str) -> ModelSpec:
        if model != self.ID:
            raise UnknownModel(model, (self.ID,))
        wanted = Preprocessing(32, (32, 32), "bilinear", (0.5,) * 3, (0.5,) * 3)
        return ModelSpec(
            id=self.ID,
            title="Turnstile",
            summary="One attention.",
            mechanisms=("attention",),
            task="classification",
            source="local",
            preprocessing=wanted,
        )

    def load(
        self,
        model: str,
        device: torch.device | str = "cpu",
        progress: Callable[[int, int | None], None] | None = None,
    ) -> LoadedModel:
        self.loads += 1
        if self.load_error is not None:
            raise self.load_error
        sleep(0.05)
        return LoadedModel(self.spec(model), self.network.eval().to(device), "0", (None,))
