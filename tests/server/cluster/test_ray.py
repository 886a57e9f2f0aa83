"""On a local Ray: the answers of the single process, and none lost when processes die."""

import os
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import httpx
import pytest

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[serve]'")
pytest.importorskip("ray.serve", reason="Ray Serve is not installed: pip install 'ray[serve]'")

from fovea.server.cluster import ray_serve  # noqa: E402
from fovea.server.cluster.options import APPLICATION, Options  # noqa: E402
from fovea.server.engine import inference  # noqa: E402
from fovea.server.settings import Settings  # noqa: E402
from tests.server.conftest import SE, VIT, Running, picture, running, until, weights_dir  # noqa: E402

__all__ = ["picture", "weights_dir"]  # fixtures

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings

OPTIONS = Options(fewest=2, most=2, cores=0.5, waiting=16)
EDITS = {"edits": [{"edit": "off", "site": "s00", "heads": [0]}]}


def asked(on: Running, photo: bytes) -> dict[str, tuple[int, bytes, str | None]]:
    """Every kind of question once, by the single process; what it answered, by address."""
    client, found = on.client, []
    for model in (VIT, SE):
        seen = on.analyse(photo, model)
        here = f"/v1/analyses/{seen['id']}"
        found += [here, f"{here}/image", f"{here}/image?format=jpeg&width=64", f"{here}/sites/s99"]
        for site in seen["sites"][:2]:
            found += [view["href"] for view in site["views"]]
        found += [one["href"] for one in seen["maps"]]
        found += [f"{here}/figures/{name}" for name in ("gate", "entropy", "attention-matrix")]
    seen = on.analyse(photo, VIT)
    here = f"/v1/analyses/{seen['id']}"
    for form in ("png", "npy", "safetensors", "csv", "webp"):
        found.append(f"{here}/maps/relevance?target=3&format={form}")
    edited = client.post(f"{here}/edits", json=EDITS).json()
    found += [f"/v1/analyses/{edited['id']}", f"/v1/analyses/{edited['id']}/maps/rollout"]
    jobs = [
        client.post(f"{here}/sweeps", json={"over": "layers"}).json(),
        client.post(
            f"{here}/evidence", json={"map": "rollout", "measure": "deletion", "steps": 4}
        ).json(),
        client.post("/v1/batches", files=[("image", ("a.png", photo)), ("image", ("b", b"no"))],
                    params={"model": VIT}).json(),
    ]  # fmt: skip
    for job in jobs:
        until(lambda job=job: client.get(job["links"]["self"]).json()["state"] == "done")
        found += [job["links"]["self"], client.get(job["links"]["self"]).json()["result"]]
    # The archive has been told as well before this server ends.
    until(lambda: not _active(on))
    found += ["/v1/analyses/0123456789abcdef0123", "/v1/models/vit", "/problems/queue-full"]
    return {address: answer(client, address) for address in found}


def _active(on: Running) -> bool:
    store = on.app.state.jobs
    return any(b'"state": "done"' not in store._told[job.id] for job in on.engine.shelf.jobs)


def answer(client: httpx.Client, address: str) -> tuple[int, bytes, str | None]:
    """Without what differs from one request to the next."""
    found = client.get(address)
    content = re.sub(rb'"request_id":"[^"]*"', b"", found.content)
    return found.status_code, content, found.headers.get("ETag")


@pytest.fixture(scope="module")
def settings(weights_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Settings(
        weights_dir=weights_dir, offline=True, default_model=VIT, device="cpu", port=port,
        photo_store=f"file://{tmp_path_factory.mktemp('store')}", queue_size=4,
        shutdown_timeout_s=5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone(
    settings: Settings, picture: Callable[[int], bytes]
) -> dict[str, tuple[int, bytes, str | None]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "ALL_CORES", 1)  # As each replica has one.
        with running(settings) as on:
            until(lambda: on.client.get("/readyz").status_code == 200)
            return asked(on, picture(0))


@pytest.fixture(scope="module")
def cluster(settings: Settings, alone: Any) -> Iterator[httpx.Client]:
    """Two replicas on the store that the single process has left."""
    url = f"http://127.0.0.1:{settings.port}"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False,
             object_store_memory=100_000_000)  # fmt: skip
    try:
        ray_serve.start(settings, OPTIONS)
        with httpx.Client(
            base_url=url, timeout=60, limits=httpx.Limits(keepalive_expiry=0)
        ) as client:
            until(lambda: client.get("/readyz").status_code == 200)
            yield client
    finally:
        ray_serve.stop()


def test_every_answer_is_that_of_the_single_process(
    cluster: httpx.Client, alone: dict[str, tuple[int, bytes, str | None]]
) -> None:
    assert {status for status, _, _ in alone.values()} >= {200, 404, 409}
    assert len(alone) > 60
    other = {address: answer(cluster, address) for address in alone}
    differ = [address for address in alone if other[address] != alone[address]]
    assert differ == []


def pids(title: str) -> dict[int, list[int]]:
    """The processes of this machine that Ray has given this title, with their children."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cmdline").read_bytes().startswith(f"ray::{title}".encode()):
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
                parents[int(path.name)] = int(parent)
        except OSError:
            pass  # It has just ended.
    return {
        pid: [pid, *(child for child in parents if parents[child] == pid)]
        for pid in parents
        if parents[pid] not in parents
    }


def kill(processes: list[int]) -> None:
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


REPLICA, PROXY = f"ServeReplica:{APPLICATION}:Replica", "ProxyActor"


class Load:
    """Clients that ask for one map after the other until the block ends, by their statuses."""

    def __init__(self, client: httpx.Client, addresses: list[str], clients: int = 4) -> None:
        self.client, self.addresses, self.clients = client, addresses, clients
        self.seen: Counter[int | str] = Counter()
        self.bodies: dict[str, set[bytes]] = {}
        self._end = threading.Event()

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self.client.base_url, timeout=60) as client:
            while not self._end.is_set():
                address = self.addresses[number % len(self.addresses)]
                number += 1
                try:
                    found = client.get(address)
                except httpx.TransportError as error:
                    self.seen[type(error).__name__] += 1
                    sleep(0.05)
                    continue
                self.seen[found.status_code] += 1
                if found.status_code == 200:
                    self.bodies.setdefault(address, set()).add(found.content)


@pytest.fixture
def maps(alone: dict[str, Any]) -> list[str]:
    return [address for address, (status, _, _) in alone.items()
            if status == 200 and "/maps/" in address and "format" not in address]  # fmt: skip


def test_a_replica_that_is_killed_takes_only_what_it_had_in_hand(
    cluster: httpx.Client, alone: dict[str, Any], maps: list[str]
) -> None:
    before = pids(REPLICA)
    first, _ = before
    with Load(cluster, maps) as load:
        until(lambda: load.seen[200] >= 50)
        kill(before[first])
        until(lambda: load.seen[200] >= 200)
    lost = {status: count for status, count in load.seen.items() if status != 200}
    assert sum(lost.values()) <= load.clients, lost
    for address, bodies in load.bodies.items():
        assert bodies == {alone[address][1]}
    until(lambda: first not in pids(REPLICA) and len(pids(REPLICA)) == 2)


def test_a_proxy_that_is_killed_comes_back(cluster: httpx.Client, maps: list[str]) -> None:
    (before,) = pids(PROXY).values()
    kill(before)

    def answers() -> bool:
        try:
            return cluster.get(maps[0]).status_code == 200
        except httpx.TransportError:
            return False

    until(answers)


def test_a_rolling_restart_under_load_loses_nothing(
    cluster: httpx.Client, settings: Settings, alone: dict[str, Any], maps: list[str]
) -> None:
    before = set(pids(REPLICA))
    with Load(cluster, maps, clients=2) as load:
        until(lambda: load.seen[200] >= 10)
        ray_serve.deploy(settings.model_copy(update={"queue_size": 3}), OPTIONS)
        until(lambda: len(set(pids(REPLICA)) - before) >= 2 and not before & set(pids(REPLICA)))
        after = load.seen[200]
        until(lambda: load.seen[200] >= after + 10)
    assert set(load.seen) == {200}
    for address, bodies in load.bodies.items():
        assert bodies == {alone[address][1]}


def test_what_is_too_much_is_turned_away(
    cluster: httpx.Client, picture: Callable[[int], bytes]
) -> None:
    def post(number: int) -> httpx.Response:
        with httpx.Client(base_url=cluster.base_url, timeout=120) as client:
            return client.post("/v1/analyses", params={"model": VIT}, content=picture(number))

    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(post, range(100, 180)))
    statuses = Counter(one.status_code for one in found)
    assert set(statuses) == {201, 429}, statuses
    assert all(one.headers["Retry-After"] for one in found if one.status_code == 429)
    for one in found:
        if one.status_code == 201:
            assert cluster.get(one.headers["Location"]).status_code == 200


def test_a_store_is_needed(settings: Settings) -> None:
    from fovea.server.settings import SettingsError

    with pytest.raises(SettingsError, match="FOVEA_PHOTO_STORE"):
        ray_serve.bound(settings.model_copy(update={"photo_store": "memory"}), OPTIONS)
    with pytest.raises(SettingsError, match="make no sense"):
        Options.of({"fewest": 3, "most": 2})
    with pytest.raises(SettingsError, match="valid: fewest"):
        Options.of({"replicas": 3})
    assert replace(OPTIONS, most=4).most == 4
