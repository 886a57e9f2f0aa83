"""Jobs outlive their process: killed, stopped, or asked about elsewhere."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from fovea.models.grids import Axis, PatchGrid
from fovea.models.methods.base import Phrase
from fovea.server.answers import kept_results
from fovea.server.answers.named_array import NamedArray
from fovea.server.engine import job_store
from fovea.server.engine.jobs import Job
from fovea.server.settings import Settings
from tests.server.conftest import OneNetwork, Running, running, until
from tests.server.storage.slow_server import one_network

Picture = Callable[[int], bytes]
ROOT = Path(__file__).parents[3]
SWEEP = {"over": "heads"}
VIEW = "/sites/s00/attention?query=all&format=npy"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost jobs are looked for at once, so that no test has to wait for that."""
    monkeypatch.setattr(job_store, "BEAT_S", 0.05)
    monkeypatch.setattr(job_store, "LOOK_S", 0.1)
    monkeypatch.setattr(job_store, "LOST_S", 3.0)
    monkeypatch.setattr(job_store, "FOLLOW_S", 0.05)


@contextmanager
def another_process(
    store: Path, pass_s: float
) -> Iterator[tuple[httpx.Client, Callable[[], None]]]:
    """A server of its own process, and what kills it."""
    command = [sys.executable, "-m", "tests.server.storage.slow_server", str(store), str(pass_s)]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("FOVEA_")}
    with subprocess.Popen(
        command, cwd=ROOT, env=outside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, "it did not start"
            with httpx.Client(base_url=url, timeout=60) as client:
                yield client, lambda: (process.send_signal(signal.SIGKILL), process.wait())[0]
        finally:
            process.kill()
            process.wait()


@contextmanager
def here(store: Path, pass_s: float = 0.0) -> Iterator[Running]:
    settings = Settings(photo_store=f"file://{store}", default_model=OneNetwork.ID, device="cpu")
    with running(settings, one_network(pass_s)) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        yield on


def posted(client: httpx.Client, photo: bytes) -> str:
    sent = client.post("/v1/analyses", content=photo, headers={"Content-Type": "image/png"})
    assert sent.status_code == 201, sent.text
    return sent.headers["Location"]


def ended(on: Running, job: dict[str, Any]) -> dict[str, Any]:
    def state() -> dict[str, Any]:
        answer = on.client.get(job["links"]["self"])
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    until(lambda: state()["state"] not in ("queued", "running"))
    return state()


def batch_of(client: httpx.Client, photos: list[tuple[str, bytes]]) -> dict[str, Any]:
    sent = client.post("/v1/batches", files=[("image", photo) for photo in photos])
    assert sent.status_code == 202, sent.text
    job: dict[str, Any] = sent.json()
    return job


def test_after_a_kill_a_sweep_and_a_batch_go_on(tmp_path: Path, picture: Picture) -> None:
    photos = [(f"{n}.png", picture(n)) for n in range(1, 30)]
    photos[7] = ("notes.txt", b"no photo")
    with another_process(tmp_path, 0.3) as (client, kill):
        seen = posted(client, picture(1))
        sweep = client.post(f"{seen}/sweeps", json=SWEEP).json()
        batch = batch_of(client, photos)
        assert (sweep["state"], batch["state"]) != ("done", "done")
        entries: list[dict[str, Any]] = []

        def told() -> bool:
            entries[:] = client.get(f"/v1/batches/{batch['id']}").json()["photos"]
            kept = tmp_path / "jobs" / batch["id"] / "job.json"
            return entries[0]["analysis"] is not None and entries[0]["analysis"] in kept.read_text()

        until(told)
        kill()
    with here(tmp_path) as on:
        assert ended(on, sweep)["state"] == "done"
        found = on.client.get(ended(on, sweep)["result"]).content
        after = ended(on, batch)
        assert (after["state"], after["done"], after["total"]) == ("done", 29, 29)
        looked = on.client.get(f"/v1/batches/{batch['id']}").json()["photos"]
        assert looked[0] == entries[0]
        shown = [on.client.get(one["href"] + VIEW).content for one in looked[-3:]]
        events = on.client.get(batch["links"]["events"]).text
        assert events.startswith("id: end\nevent: job\n")
        # Nothing of what was sent stays besides what the analyses keep.
        until(lambda: not (tmp_path / "jobs" / batch["id"] / "photos").exists())
        assert on.engine.uploads.held == 0
    with here(tmp_path / "other") as alone:  # What one process that nobody kills answers.
        mine = posted(alone.client, picture(1))
        again = ended(alone, alone.client.post(f"{mine}/sweeps", json=SWEEP).json())
        theirs = ended(alone, batch_of(alone.client, photos))["result"]
        named = alone.client.get(theirs).json()["photos"]
        assert [(one["name"], one["problem"] and one["problem"]["type"]) for one in looked] == [
            (one["name"], one["problem"] and one["problem"]["type"]) for one in named
        ]
        # Ids are keyed by the store's secret: the photos are compared by what was seen on them.
        assert [alone.client.get(one["href"] + VIEW).content for one in named[-3:]] == shown
        assert alone.client.get(again["result"]).content == found
    with here(tmp_path) as on:  # The result outlives the process too, without a pass.
        passes = on.engine.inference
        assert on.client.get(ended(on, sweep)["result"]).content == found
        again = on.client.post(f"{seen}/sweeps", json=SWEEP).json()
        assert ended(on, again)["result"] == ended(on, sweep)["result"]
        assert passes.waiting == 0


def test_a_batch_whose_photos_are_gone_says_which(tmp_path: Path, picture: Picture) -> None:
    with here(tmp_path, 0.2) as on:
        batch = batch_of(on.client, [(f"{n}.png", picture(n)) for n in range(1, 20)])
        until(lambda: on.client.get(batch["links"]["self"]).json()["done"])
    kept = tmp_path / "jobs" / batch["id"]
    last = max((kept / "photos").iterdir(), key=lambda path: int(path.name))
    last.unlink()
    with here(tmp_path) as on:
        assert ended(on, batch)["state"] == "done"
        looked = on.client.get(f"/v1/batches/{batch['id']}").json()["photos"]
        lost = [one["name"] for one in looked if one["problem"]]
        assert lost == [looked[int(last.name)]["name"]]
        assert looked[int(last.name)]["problem"]["type"] == "/problems/job-interrupted"


def test_a_batch_that_was_still_being_sent_is_said_to_be_interrupted(tmp_path: Path) -> None:
    job = Job("batch", OneNetwork.ID, None, result="/v1/batches/half")
    job.entries = lambda: [{"name": "a.png", "analysis": "0" * 20, "problem": None}]
    with here(tmp_path) as on:
        store = on.app.state.jobs
        told = json.loads(store._to_json(job)) | {"state": "running", "beat": 0.0, "done": 1}
        folder = tmp_path / "jobs" / job.id
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps(told))
        after = ended(on, {"links": {"self": f"/v1/jobs/{job.id}"}})
        assert (after["state"], after["problem"]["type"]) == ("failed", "/problems/job-interrupted")
        assert "1 of ? photos" in after["problem"]["detail"]


def test_a_server_that_is_stopped_leaves_its_sweep_to_the_next(
    tmp_path: Path, picture: Picture
) -> None:
    with here(tmp_path, 0.1) as on:
        seen = posted(on.client, picture(1))
        sweep = on.client.post(f"{seen}/sweeps", json=SWEEP).json()
        until(lambda: on.client.get(sweep["links"]["self"]).json()["done"])
    with here(tmp_path) as on:
        assert ended(on, sweep)["state"] == "done"
        assert on.client.get(sweep["links"]["self"]).json()["result"]


def test_a_job_is_followed_and_cancelled_on_another_instance(
    tmp_path: Path, picture: Picture
) -> None:
    with here(tmp_path, 0.3) as doing, here(tmp_path) as on:
        client = doing.client
        seen = posted(client, picture(1))
        sweep = client.post(f"{seen}/sweeps", json=SWEEP).json()
        there = on.client.get(sweep["links"]["self"])
        assert there.json()["state"] in ("queued", "running")
        with on.client.stream("GET", sweep["links"]["events"]) as events:
            lines = events.iter_lines()
            assert next(lines) == "event: job"
            gone = on.client.delete(sweep["links"]["self"])
            assert gone.json()["state"] == "cancelled", gone.text
            assert "id: end" in list(lines)
        assert client.get(sweep["links"]["self"]).json()["state"] == "cancelled"


def test_an_end_that_one_instance_tells_is_known_to_all(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_store, "BEAT_S", 3600.0)  # Nothing is told but by being asked.
    with here(tmp_path, 0.01) as doing, here(tmp_path) as on:
        seen = posted(doing.client, picture(1))
        sweep = doing.client.post(f"{seen}/sweeps", json=SWEEP).json()
        with doing.client.stream("GET", sweep["links"]["events"]) as events:
            assert "id: end" in list(events.iter_lines())
        there = on.client.get(sweep["links"]["self"]).json()
        assert there == doing.client.get(sweep["links"]["self"]).json()
        assert there["state"] == "done"
        again = doing.client.post(f"{seen}/sweeps", json={"over": "layers"}).json()
        until(lambda: doing.client.get(again["links"]["self"]).json()["state"] == "done")
        assert on.client.get(again["links"]["self"]).json()["state"] == "done"


def test_what_is_found_comes_back_from_its_file_as_it_was() -> None:
    grid = PatchGrid(2, 3, axes=(Axis(1.0, 2.0, 3.0), Axis()))
    values = np.array([[1.5, np.nan], [np.inf, -0.0]], np.float32)
    about = {"rho": None, "places": [1, (2, "x")], "values": np.eye(2), "mean": float("nan")}
    about["said"] = Phrase("k", "{n}", {"n": 1})
    beside = {"beside": (values.T.copy(), ("column", "row"))}
    prefix = np.zeros((1,), np.float32)
    found = NamedArray(
        values, ("row", "column"), "what it is", prefix, about, False, "effect", beside, grid
    )
    serial, back = kept_results.read(kept_results.write("abc", found))
    assert serial == "abc"
    assert (back.axes, back.sentence, back.name) == (found.axes, found.sentence, "effect")
    assert (back.covers_input, back.grid, back.grid.axes) == (False, grid, grid.axes)
    for one, other in (
        (back.values, values),
        (back.prefix, prefix),
        (back.about["values"], np.eye(2)),
        (back.more["beside"][0], values.T),
    ):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert back.about["places"] == [1, (2, "x")]
    assert back.about["said"] == Phrase("k", "{n}", {"n": 1})
    assert back.about["mean"] != back.about["mean"]
    assert kept_results.read(kept_results.write("", {"a": 1.0}))[1] == {"a": 1.0}


@pytest.mark.parametrize("data", [b"", b"no file", kept_results.write("a", {"x": 1})[:-3]])
def test_a_damaged_result_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        kept_results.read(data)
