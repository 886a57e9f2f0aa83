"""Downloads as jobs, over a socket and against a hub on loopback: followed, shared, cancelled."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from server import examples, job_schemas
from server.jobs import KEPT, RATE_OVER_S, Job, Jobs, Meter
from server.settings import Settings
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


def events_of(site: Running, job: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The fields of each server-sent event until the stream ends."""
    with site.client.stream("GET", job["links"]["events"]) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                yield fields
                fields = {}


def slow_down(hub: Hub) -> None:
    hub.piece = SLOW_PIECE
    hub.flows.clear()


def test_a_download_is_followed_to_its_end(site: Running, served: Hub) -> None:
    served.piece, served.pause_s = 1 << 16, 0.04
    total = len(served.files[f"timm/{VIT}"])
    job = post(site)
    assert job["state"] in ("queued", "running")
    news = list(events_of(site, job))
    assert {event["event"] for event in news} == {"job"}
    seen = [json.loads(event["data"]) for event in news]
    for body in seen:
        job_schemas.Job.model_validate(body)
    received = [body["received_bytes"] for body in seen]
    assert received == sorted(received)
    assert len(set(received)) >= 3, "no progress was told in between"
    running = [body for body in seen if body["bytes_per_s"] and body["state"] == "running"]
    assert running
    for body in running:
        assert body["total_bytes"] == total
        expected = (total - body["received_bytes"]) / body["bytes_per_s"]
        assert body["seconds_left"] == pytest.approx(expected, rel=0.05, abs=0.05)
    last = seen[-1]
    assert (last["state"], last["received_bytes"], last["total_bytes"]) == ("done", total, total)
    assert (last["bytes_per_s"], last["seconds_left"], last["problem"]) == (None, None, None)
    assert [event.get("id") for event in news] == [None] * (len(news) - 1) + ["end"]
    assert state(site, job) == last
    assert site.client.get(f"/v1/models/{VIT}").json()["status"] == "ready"


def test_a_browser_that_connects_again_after_the_end_is_told_to_stop(
    site: Running, served: Hub
) -> None:
    job = ended(site, post(site))
    again = site.client.get(job["links"]["events"], headers={"Last-Event-ID": "end"})
    assert (again.status_code, again.content) == (204, b"")
    assert len(list(events_of(site, job))) == 1


def test_all_who_want_a_model_share_one_download(
    site: Running, served: Hub, picture: Callable[[int], bytes]
) -> None:
    slow_down(served)
    job = post(site)
    assert post(site)["id"] == job["id"]
    with httpx.Client(base_url=site.url, timeout=60) as other, ThreadPoolExecutor(2) as threads:
        answers = [
            threads.submit(
                other.post, "/v1/analyses", params={"model": VIT}, content=picture(seed),
                headers={"Content-Type": "image/png"},
            )
            for seed in (0, 1)
        ]  # fmt: skip
        until(lambda: site.engine.shelf.loading(VIT))
        card = site.client.get(f"/v1/models/{VIT}").json()
        assert card["status"] == "loading"
        assert card["job"] == job["links"]["self"]
        assert card["progress"]["received_bytes"] <= card["progress"]["total_bytes"]
        served.flows.set()
        assert [answer.result().status_code for answer in answers] == [201, 201]
    assert served.gets == [(f"timm/{VIT}", None)]
    assert ended(site, job)["state"] == "done"
    card = site.client.get(f"/v1/models/{VIT}").json()
    assert (card["status"], card["job"], card["progress"]) == ("ready", None, None)


def test_cancelled_and_taken_up_again(
    site: Running, served: Hub, picture: Callable[[int], bytes]
) -> None:
    slow_down(served)
    job = post(site)
    until(lambda: state(site, job)["received_bytes"] >= SLOW_PIECE)
    gone = site.client.delete(job["links"]["self"])
    assert (gone.status_code, gone.json()["state"]) == (200, "cancelled")
    assert site.client.delete(job["links"]["self"]).json()["state"] == "cancelled"
    served.flows.set()
    (part,) = (site.engine.settings.cache_dir or Path()).rglob("*.incomplete")
    until(lambda: part.stat().st_size >= SLOW_PIECE)
    again = post(site)
    assert again["id"] != job["id"]
    assert ended(site, again)["state"] == "done"
    repository, asked = served.gets[-1]
    start = int(str(asked).removeprefix("bytes=").rstrip("-"))
    assert repository == f"timm/{VIT}"
    assert SLOW_PIECE <= start < len(served.files[repository])
    assert state(site, job)["state"] == "cancelled"
    assert site.analyse(picture(0), VIT)["sites"]


def test_who_waits_for_a_cancelled_download_is_told(
    site: Running, served: Hub, picture: Callable[[int], bytes]
) -> None:

    slow_down(served)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(
            httpx.post, f"{site.url}/v1/analyses", params={"model": VIT}, content=picture(0),
            headers={"Content-Type": "image/png"}, timeout=60,
        )  # fmt: skip
        until(lambda: site.engine.shelf.downloading(VIT))
        card = site.client.get(f"/v1/models/{VIT}").json()
        site.client.delete(card["job"])
        problem = waiting.result().json()
    assert (problem["status"], problem["type"]) == (503, "/problems/download-cancelled")
    assert problem["job"] == card["job"]
    served.flows.set()


def test_few_run_at_a_time_and_the_others_know_their_place(site: Running, served: Hub) -> None:
    slow_down(served)
    jobs = [post(site, name) for name in OTHERS]
    until(lambda: [state(site, job)["state"] for job in jobs] == ["running", "running", "queued"])
    last = post(site, VIT)
    assert [state(site, job)["queue_position"] for job in (*jobs, last)] == [None, None, 1, 2]
    assert site.client.delete(jobs[2]["links"]["self"]).json()["queue_position"] is None
    assert state(site, last)["queue_position"] == 1
    served.flows.set()
    assert ended(site, last)["state"] == "done"
    assert OTHERS[2] not in {repository.split("/")[1] for repository, _ in served.gets}


def test_hanging_up_on_the_events_leaves_the_job_alone(site: Running, served: Hub) -> None:
    slow_down(served)
    job = post(site)
    assert next(events_of(site, job))["event"] == "job"
    served.flows.set()
    assert ended(site, job)["state"] == "done"


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


def test_what_is_here_is_done_at_once(site: Running, served: Hub) -> None:
    job = ended(site, post(site, SE))
    assert job["state"] == "done"
    assert job["received_bytes"] == job["total_bytes"] > 0
    assert served.gets == []


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


def test_the_example_is_what_the_schema_says() -> None:
    job_schemas.Job.model_validate(examples.JOB)


# --- the pieces ---------------------------------------------------------------------------------


def test_the_rate_is_that_of_the_last_seconds() -> None:
    now = 100.0
    meter = Meter(lambda: now)
    assert meter.rate is None
    assert meter.seconds_left is None
    meter.report(1000, 100_000)  # what an earlier download brought does not count
    for second in range(1, 21):
        now = 100.0 + second
        rate = 500 if second <= 10 else 2000
        meter.report(meter.received + rate, 100_000)
    assert meter.rate == pytest.approx(2000)
    assert meter.seconds_left == pytest.approx((100_000 - meter.received) / 2000)
    now += 2 * RATE_OVER_S  # nothing comes any more
    assert meter.rate is not None
    assert meter.rate < 800
    meter.report(0, 100_000)  # it began anew
    assert meter.rate is None


def test_long_finished_jobs_are_forgotten_and_unfinished_ones_are_not() -> None:

    async def scenario() -> None:
        jobs = Jobs()
        go = threading.Event()
        waiting = jobs.start("download", "slow", lambda report, stopped: go.wait(30) and None)
        done: list[Job] = []
        for number in range(KEPT + 5):
            done.append(jobs.start("download", str(number), lambda report, stopped: None))
            await done[-1].wait()
        jobs.start("download", "last", lambda report, stopped: None)
        assert jobs.get(waiting.id) is waiting
        assert jobs.get(done[-1].id) is done[-1]
        with pytest.raises(Exception, match="no job"):
            jobs.get(done[0].id)
        go.set()
        await waiting.wait()
        jobs.close()

    asyncio.run(scenario())


def test_a_server_that_is_told_to_stop_does_not_wait_for_a_download(
    served: Hub, tmp_path: Path
) -> None:
    served.piece, served.pause_s = SLOW_PIECE, 0.05  # a minute and more
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FOVEA_")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "--port", "0"],
        cwd=Path(__file__).parents[2],
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
            told = monotonic()
            rest = [line for line in lines if line.startswith("data: ")]
        assert json.loads(rest[-1].removeprefix("data: "))["state"] == "cancelled"
        assert process.wait(30) in (0, -signal.SIGTERM)
        assert monotonic() - told < 10


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.ConnectError:
        return False
