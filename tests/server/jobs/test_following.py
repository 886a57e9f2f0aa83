"""Downloads as jobs, over a socket: followed, shared, queued, cancelled."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from fovea.server.wire import job_schemas
from tests.hub import Hub
from tests.server.conftest import SE, VIT, Running, until
from tests.server.jobs.conftest import OTHERS, SLOW_PIECE, ended, post, slow_down, state


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


def test_what_is_here_is_done_at_once(site: Running, served: Hub) -> None:
    job = ended(site, post(site, SE))
    assert job["state"] == "done"
    assert job["received_bytes"] == job["total_bytes"] > 0
    assert served.gets == []
