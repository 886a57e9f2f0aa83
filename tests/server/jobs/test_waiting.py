"""While one network is downloaded, analyses with others go on: over a socket, with one place."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from fovea.server.settings import Settings
from tests.hub import Hub
from tests.server.conftest import SE, VIT, Running, running, until
from tests.server.jobs.conftest import OTHERS, slow_down


@pytest.fixture
def site(served: Hub, tmp_path: Path, weights_dir: Path) -> Iterator[Running]:
    """A server with one place in its queue and the small network with gates; no other weights."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f"{SE}.safetensors").symlink_to(weights_dir / f"{SE}.safetensors")
    settings = Settings(
        weights_dir=tmp_path / "here",
        cache_dir=tmp_path / "cache",
        default_model=SE,
        queue_size=1,
    )
    with running(settings) as server:
        until(lambda: server.client.get("/readyz").status_code == 200)
        yield server


def post(site: Running, model: str, photo: bytes) -> httpx.Response:
    return httpx.post(
        f"{site.url}/v1/analyses",
        params={"model": model},
        content=photo,
        headers={"Content-Type": "image/png"},
        timeout=60,
    )


def test_who_waits_for_a_download_holds_no_place(
    site: Running, served: Hub, picture: Callable[[int], bytes]
) -> None:
    slow_down(served)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(post, site, VIT, picture(0))
        until(lambda: site.engine.shelf.downloading(VIT))
        assert site.engine.admitted == 0
        for seed in (1, 2):
            seen = post(site, SE, picture(seed))
            assert (seen.status_code, seen.json()["model"]) == (201, SE)
        assert not waiting.done()
        # What waits keeps its photo, so that waiting has a bound of its own.
        refused = post(site, OTHERS[0], picture(3))
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/queue-full")
        assert "wait for their networks" in refused.json()["detail"]
        served.flows.set()
        found = waiting.result()
    assert (found.status_code, found.json()["model"]) == (201, VIT)
    assert site.engine.admitted == 0


def test_who_hangs_up_while_it_waits_leaves_no_place_taken(
    site: Running, served: Hub, picture: Callable[[int], bytes]
) -> None:
    slow_down(served)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{site.url}/v1/analyses",
            params={"model": VIT},
            content=picture(0),
            headers={"Content-Type": "image/png"},
            timeout=1.0,
        )
    assert site.engine.shelf.downloading(VIT)
    until(lambda: site.engine.places.away == 0)
    assert post(site, SE, picture(1)).status_code == 201
    served.flows.set()
    until(lambda: site.engine.shelf.downloading(VIT) is None)
    assert post(site, VIT, picture(0)).status_code == 201
    assert served.gets == [(f"timm/{VIT}", None)], "the download went on for others"
