"""A server with an empty cache beside a hub on loopback, and what is asked of both."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fovea.server.settings import Settings
from fovea.server.wire import job_schemas
from tests.hub import Hub, a_hub
from tests.server.conftest import SE, VIT, Running, running, until

OTHERS = ("test_vit2.r160_in1k", "test_vit3.r160_in1k", "test_resnet.r160_in1k")
SLOW_PIECE = 4096


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, weights_dir: Path) -> Iterator[Hub]:
    """A hub with the small ViT, and files under other names that are no networks."""
    with a_hub(monkeypatch) as hub:
        hub.files[f"timm/{VIT}"] = (weights_dir / f"{VIT}.safetensors").read_bytes()
        for name in OTHERS:
            hub.files[f"timm/{name}"] = name.encode() * 9000
        yield hub


@pytest.fixture
def site(served: Hub, tmp_path: Path, weights_dir: Path) -> Iterator[Running]:
    """A server with an empty cache; readiness is proved with a network that it has."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f"{SE}.safetensors").symlink_to(weights_dir / f"{SE}.safetensors")
    settings = Settings(
        weights_dir=tmp_path / "here", cache_dir=tmp_path / "cache", default_model=SE
    )
    with running(settings) as server:
        yield server


def post(site: Running, model: str = VIT) -> dict[str, Any]:
    response = site.client.post(f"/v1/models/{model}/download")
    assert response.status_code == 202, response.text
    job = job_schemas.Job.model_validate(response.json())
    assert response.headers["Location"] == job.links.self == f"/v1/jobs/{job.id}"
    answer: dict[str, Any] = response.json()
    return answer


def state(site: Running, job: dict[str, Any]) -> dict[str, Any]:
    response = site.client.get(job["links"]["self"])
    assert response.headers["Cache-Control"] == "no-store"
    job_schemas.Job.model_validate(response.json())
    answer: dict[str, Any] = response.json()
    return answer


def ended(site: Running, job: dict[str, Any]) -> dict[str, Any]:
    until(lambda: state(site, job)["state"] not in ("queued", "running"))
    return state(site, job)


def slow_down(hub: Hub) -> None:
    hub.piece = SLOW_PIECE
    hub.flows.clear()
