"""On Ray: what is too much is refused as a problem, and more work brings another replica."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType

import httpx
import pytest

from fovea.server.settings import Settings
from tests.server.cluster.asking import Question
from tests.server.cluster.conftest import OPTIONS
from tests.server.cluster.load import REPLICA, Load, pids
from tests.server.conftest import VIT, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # a busy machine takes minutes to start Ray
    pytest.mark.filterwarnings("ignore"),  # Ray's own warnings
]


def test_what_is_too_much_is_turned_away(
    cluster: httpx.Client, picture: Callable[[int], bytes]
) -> None:
    def post(number: int) -> httpx.Response:
        with httpx.Client(base_url=cluster.base_url, timeout=120) as client:
            return client.post("/v1/analyses", params={"model": VIT}, content=picture(number))

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(post, range(100, 240)))
    statuses = Counter(one.status_code for one in found)
    assert set(statuses) == {201, 429}, statuses
    refused = [one for one in found if one.status_code == 429]
    assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
    assert {one.json()["type"] for one in refused} == {"/problems/queue-full"}
    assert all(one.json()["request_id"] == one.headers["X-Request-ID"] for one in refused)
    # Some by the replicas' own bounds, and some by those of Ray.
    assert any("As many requests are waiting" in one.json()["detail"] for one in refused)
    for one in found:
        if one.status_code == 201:
            assert cluster.get(one.headers["Location"]).status_code == 200


def test_more_work_brings_another_replica_and_less_lets_it_go(
    ray_serve: ModuleType,
    cluster: httpx.Client,
    settings: Settings,
    maps: list[Question],
    picture: Callable[[int], bytes],
) -> None:
    roomy = settings.model_copy(update={"queue_size": 32})
    growing = replace(OPTIONS, fewest=1, busy=1.0, grow_after_s=0.5, shrink_after_s=2.0)
    ray_serve.deploy(roomy, growing)
    until(lambda: len(pids(REPLICA)) == 1)
    with Load(cluster, maps, clients=6) as load:
        until(lambda: len(pids(REPLICA)) == 2)
    assert set(load.statuses) == {200}
    until(lambda: len(pids(REPLICA)) == 1)
    assert cluster.get(maps[0].address).status_code == 200
