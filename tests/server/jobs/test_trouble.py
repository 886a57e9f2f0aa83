"""Downloads that fail, names that are nothing, and a server that stops meanwhile."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from fovea.server.settings import Settings
from tests.hub import Hub
from tests.server.conftest import VIT, Running, running, until
from tests.server.jobs.conftest import SLOW_PIECE, ended, post, slow_down, state


def test_what_the_hub_announced_otherwise_is_a_failed_job(
    site: Running, served: Hub, picture: Callable[[int], bytes]
) -> None:
    served.spoilt = True
    job = ended(site, post(site))
    assert job["state"] == "failed"
    problem = job["problem"]
    assert (problem["type"], problem["instance"]) == (
        "/problems/corrupt-weights",
        job["links"]["self"],
    )
    assert f"{VIT}.safetensors: checksum" in problem["detail"]
    answer = site.client.post(
        "/v1/analyses", params={"model": VIT}, content=picture(0),
        headers={"Content-Type": "image/png"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/corrupt-weights")
    assert answer.json()["job"] != job["links"]["self"]
    served.spoilt = False
    assert ended(site, post(site))["state"] == "done"


def test_damaged_weights_in_the_cache_are_fetched_again(
    site: Running, served: Hub, picture: Callable[[int], bytes]
) -> None:
    ended(site, post(site))
    (file,) = (site.engine.settings.cache_dir or Path()).rglob("model.safetensors")
    whole = file.read_bytes()
    file.resolve().write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    answer = site.client.post(
        "/v1/analyses", params={"model": VIT}, content=picture(0),
        headers={"Content-Type": "image/png"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/corrupt-weights")
    assert "checksum" in answer.json()["detail"]
    assert ended(site, post(site))["state"] == "done"
    assert len(served.gets) == 2
    assert site.analyse(picture(0), VIT)["sites"]


def test_a_model_that_the_hub_does_not_have_is_a_failed_job(site: Running, served: Hub) -> None:
    del served.files[f"timm/{VIT}"]
    problem = ended(site, post(site))["problem"]
    assert (problem["type"], problem["status"]) == ("/problems/model-not-local", 503)
    assert "FOVEA_WEIGHTS_DIR" in problem["hint"]
    assert served.url not in json.dumps(problem)


def test_offline_is_told_at_once(tmp_path: Path, served: Hub) -> None:
    settings = Settings(cache_dir=tmp_path, offline=True, default_model="vit")
    with running(settings) as site:
        answer = site.client.post(f"/v1/models/{VIT}/download")
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (503, "/problems/model-not-local")
        assert f"{VIT}.safetensors" in problem["hint"]
        assert "FOVEA_WEIGHTS_DIR" in problem["hint"]
        assert answer.elapsed.total_seconds() < 5
    assert served.gets == []


def test_a_hub_that_is_not_there_is_told_soon(
    site: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    job = post(site)
    until(lambda: state(site, job)["state"] == "failed", limit_s=8)
    assert state(site, job)["problem"]["type"] == "/problems/model-not-local"


def test_names_that_are_nothing(site: Running) -> None:
    for method in ("GET", "DELETE"):
        answer = site.client.request(method, "/v1/jobs/0000")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-job")
    assert site.client.get("/v1/jobs/0000/events").status_code == 404
    answer = site.client.post("/v1/models/..%2f..%2fetc%2fpasswd/download")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-model")


def test_another_site_may_not_start_or_cancel_one(site: Running) -> None:
    foreign = {"Origin": "http://elsewhere.example"}
    answer = site.client.post(f"/v1/models/{VIT}/download", headers=foreign)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/cross-site")
    assert site.client.delete("/v1/jobs/0000", headers=foreign).status_code == 403


def test_a_server_that_stops_keeps_the_part(served: Hub, tmp_path: Path, weights_dir: Path) -> None:
    slow_down(served)
    with running(Settings(cache_dir=tmp_path, default_model="vit")) as site:
        job = post(site)
        until(lambda: state(site, job)["received_bytes"] >= SLOW_PIECE)
        served.flows.set()
        served.pause_s = 0.05
    (part,) = tmp_path.rglob("*.incomplete")
    assert SLOW_PIECE <= part.stat().st_size < len(served.files[f"timm/{VIT}"])


def test_a_server_that_is_told_to_stop_does_not_wait_for_a_download(
    served: Hub, tmp_path: Path
) -> None:
    served.piece, served.pause_s = SLOW_PIECE, 0.05  # a minute and more
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FOVEA_")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "fovea", "serve", "--port", "0"],
        cwd=Path(__file__).parents[3],
        env={**environment, "FOVEA_CACHE_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        client = stack.enter_context(httpx.Client(base_url=found[0], timeout=60))
        until(lambda: answers(client))
        job = client.post(f"/v1/models/{VIT}/download").json()
        with client.stream("GET", job["links"]["events"]) as response:
            lines = response.iter_lines()
            until(lambda: '"state":"running"' in next(lines))
            process.send_signal(signal.SIGTERM)
            rest = [line for line in lines if line.startswith("data: ")]
        assert json.loads(rest[-1].removeprefix("data: "))["state"] == "cancelled"
        assert process.wait(50) in (0, -signal.SIGTERM)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.ConnectError:
        return False
