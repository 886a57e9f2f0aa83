"""A server with networks that write and segment, and what they answered."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from fovea.models.preprocessing import prepare
from fovea.server.settings import Settings
from tests.server.conftest import SE, Running, png_of, running
from tests.server.writers import CAPTIONER, PICTURE, TRANSLATOR, WALLS, Writers


@pytest.fixture(scope="module")
def site(weights_dir: Any) -> Iterator[Running]:
    catalog = Writers(weights_dir)
    with running(Settings(offline=True, default_model=SE), catalog) as started:
        yield started


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (80, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def caption(site: Running, pixels: np.ndarray) -> dict[str, Any]:
    return site.analyse(png_of(pixels), CAPTIONER)


@pytest.fixture(scope="module")
def walls(site: Running, pixels: np.ndarray) -> dict[str, Any]:
    return site.analyse(png_of(pixels), WALLS)


def say(site: Running, text: str, **more: str) -> httpx.Response:
    return site.client.post("/v1/analyses", json={"text": text, "model": TRANSLATOR, **more})


@pytest.fixture(scope="module")
def translation(site: Running) -> dict[str, Any]:
    answer: dict[str, Any] = say(site, "the  red cat").json()
    return answer


def network_input(pixels: np.ndarray) -> torch.Tensor:
    return prepare(torch.from_numpy(pixels).permute(2, 0, 1), PICTURE)[0]
