"""On Ray: processes are killed and replaced under load, and nothing that was asked is lost."""

from collections.abc import Callable
from types import ModuleType

import httpx
import pytest

from fovea.server.settings import Settings
from tests.server.cluster.asking import Answer, Question, answer
from tests.server.cluster.conftest import OPTIONS
from tests.server.cluster.load import PROXY, REPLICA, Load, kill, pids
from tests.server.conftest import VIT, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # a busy machine takes minutes to start Ray
    pytest.mark.filterwarnings("ignore"),  # Ray's own warnings
]

KILLED_AFTER, IN_ALL = 60, 200


def equal(load: Load, alone: dict[Question, Answer]) -> None:
    """Every answer under load was that of the single process."""
    assert load.found
    for asked, found in load.found.items():
        assert found == {alone[asked]}


def test_a_replica_that_is_killed_takes_only_what_it_had_in_hand(
    cluster: httpx.Client, alone: dict[Question, Answer], maps: list[Question]
) -> None:
    posts = [one for one in alone if one.body is not None]
    before = pids(REPLICA)
    first, _ = before
    with Load(cluster, [*maps, *posts], clients=3, most=IN_ALL) as load:
        until(lambda: sum(load.statuses.values()) >= KILLED_AFTER)
        kill(before[first])
    assert sum(load.statuses.values()) == IN_ALL
    assert set(load.statuses) <= {200, 201, 503}, load.statuses
    assert load.statuses[503] <= load.clients
    equal(load, alone)
    for asked, refused in load.refused:
        assert asked.body is not None, "a GET is tried again by the proxy"
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["type"] == "/problems/replica-lost"
        assert answer(cluster, asked) == alone[asked]
    until(lambda: first not in pids(REPLICA) and len(pids(REPLICA)) == 2)


def test_a_proxy_that_is_killed_comes_back(
    cluster: httpx.Client, alone: dict[Question, Answer], maps: list[Question]
) -> None:
    (before,) = pids(PROXY).values()
    with Load(cluster, maps, clients=2) as load:
        until(lambda: load.statuses[200] >= 10)
        kill(before)
        # One machine has one proxy: until it is there again connections are refused.
        until(lambda: any(isinstance(status, str) for status in load.statuses))
        after = load.statuses[200]
        until(lambda: load.statuses[200] >= after + 10)
    assert {status for status in load.statuses if isinstance(status, int)} <= {200, 503}
    equal(load, alone)


def test_a_batch_goes_on_when_every_replica_is_killed(
    cluster: httpx.Client, picture: Callable[[int], bytes]
) -> None:
    photos = [("image", (f"{n}.png", picture(700 + n))) for n in range(40)]
    photos[5] = ("image", ("notes.txt", b"no photo"))
    job = cluster.post("/v1/batches", files=photos, params={"model": VIT}).json()
    before = pids(REPLICA)
    for processes in before.values():
        kill(processes)
    until(lambda: pids(REPLICA).keys() - before.keys())

    def ended() -> bool:
        try:
            found = cluster.get(job["links"]["self"])
        except httpx.TransportError:
            return False
        return found.status_code == 200 and found.json()["state"] not in ("queued", "running")

    until(ended)
    last = cluster.get(job["links"]["self"]).json()
    assert (last["state"], last["done"], last["total"]) == ("done", 40, 40)
    looked = cluster.get(last["result"]).json()["photos"]
    assert [one["name"] for one in looked if one["problem"]] == ["notes.txt"]
    assert all(cluster.get(one["href"]).status_code == 200 for one in looked if one["analysis"])
    until(lambda: len(pids(REPLICA)) == 2)


def test_a_rolling_restart_under_load_loses_nothing(
    ray_serve: ModuleType,
    cluster: httpx.Client,
    settings: Settings,
    alone: dict[Question, Answer],
    maps: list[Question],
) -> None:
    before = set(pids(REPLICA))
    with Load(cluster, maps, clients=2) as load:
        until(lambda: load.statuses[200] >= 10)
        ray_serve.deploy(settings.model_copy(update={"queue_size": 3}), OPTIONS)
        until(lambda: len(set(pids(REPLICA)) - before) >= 2 and not before & set(pids(REPLICA)))
        after = load.statuses[200]
        until(lambda: load.statuses[200] >= after + 10)
    assert set(load.statuses) == {200}
    equal(load, alone)
