"""A local Ray with two replicas on the store that a single process has left; one for all tests."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from fovea.server.cluster.options import Options
from fovea.server.engine import inference
from fovea.server.settings import Settings
from tests.server.cluster.asking import Answer, Question, everything
from tests.server.conftest import VIT, running, until

OPTIONS = Options(fewest=2, most=2, cores=0.5, waiting=8)


@pytest.fixture(scope="session")
def ray_serve() -> ModuleType:
    """The module that starts Ray; skips where Ray is not installed."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Soon enough for a test: how often proxies tell how many requests wait.
    os.environ["RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S"] = "0.5"
    pytest.importorskip("ray.serve", reason="Ray is not installed: make test-apart installs it")
    from fovea.server.cluster import ray_serve

    return ray_serve


@pytest.fixture(scope="session")
def settings(
    ray_serve: ModuleType, weights_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Settings(
        weights_dir=weights_dir, offline=True, default_model=VIT, device="cpu", port=port,
        photo_store=f"file://{tmp_path_factory.mktemp('store')}", queue_size=4,
        shutdown_timeout_s=5,
    )  # fmt: skip


@pytest.fixture(scope="session")
def alone(settings: Settings, picture: Callable[[int], bytes]) -> dict[Question, Answer]:
    """What a single process answered to everything that can be asked; it has ended since."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "ALL_CORES", 1)  # As each replica has one.
        with running(settings) as on:
            until(lambda: on.client.get("/readyz").status_code == 200)
            return everything(on, picture(0))


@pytest.fixture(scope="session")
def cluster(ray_serve: ModuleType, settings: Settings, alone: Any) -> Iterator[httpx.Client]:
    """Two replicas, on the store that the single process has left."""
    url = f"http://127.0.0.1:{settings.port}"
    try:
        ray_serve.start(settings, OPTIONS, num_cpus=2, object_store_memory=100_000_000)
        limits = httpx.Limits(keepalive_expiry=0)
        with httpx.Client(base_url=url, timeout=60, limits=limits) as client:
            until(lambda: client.get("/readyz").status_code == 200)
            yield client
    finally:
        ray_serve.stop()


@pytest.fixture
def maps(alone: dict[Question, Answer]) -> list[Question]:
    """Questions for maps, all of which are answered."""
    return [one for one, found in alone.items()
            if found.status == 200 and re.search(r"/maps/[a-z-]+$", one.address)]  # fmt: skip
