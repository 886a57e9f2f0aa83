"""On Ray: the answers of a single process, byte for byte, also to ids that it made and is gone."""

import re
from collections.abc import Callable

import httpx
import pytest

from tests.server.cluster.asking import Answer, Question, answer
from tests.server.conftest import VIT, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # a busy machine takes minutes to start Ray
    pytest.mark.filterwarnings("ignore"),  # Ray's own warnings
]

NEVER_EQUAL = {"/metrics"}
"""Of a process, not of what was asked."""


def test_every_answer_is_that_of_the_single_process(
    cluster: httpx.Client, alone: dict[Question, Answer]
) -> None:
    assert {found.status for found in alone.values()} >= {200, 404, 409}
    other = {asked: answer(cluster, asked) for asked in alone}
    differ = [asked.address for asked in alone if other[asked] != alone[asked]]
    assert differ == []


def test_no_route_was_left_out(cluster: httpx.Client, alone: dict[Question, Answer]) -> None:
    routes = cluster.get("/openapi.json").json()["paths"]
    wanted = {route for route, does in routes.items() if "get" in does} - NEVER_EQUAL
    answered = {asked.address.partition("?")[0] for asked, found in alone.items()
                if found.status == 200}  # fmt: skip
    missing = [
        route
        for route in wanted
        if not any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path) for path in answered)
    ]
    assert missing == []


def test_what_is_made_on_ray_is_forgotten_there_and_followed(
    cluster: httpx.Client, picture: Callable[[int], bytes]
) -> None:
    sent = cluster.post(f"/v1/analyses?model={VIT}", content=picture(40))
    here, key = sent.headers["Location"], {"Fovea-Key": sent.headers["Fovea-Key"]}
    job = cluster.post(f"{here}/sweeps", json={"over": "layers"}).json()
    with cluster.stream("GET", job["links"]["events"]) as events:
        assert "id: end" in list(events.iter_lines())
    assert cluster.get(cluster.get(job["links"]["self"]).json()["result"]).status_code == 200
    cluster.cookies.clear()
    assert cluster.delete(here).status_code == 403
    assert cluster.delete(here, headers=key).status_code == 204
    until(lambda: cluster.get(here).status_code == 404)


def test_a_request_has_one_id(cluster: httpx.Client) -> None:
    for address in ("/v1/models", "/v1/jobs/none"):
        found = cluster.get(address, headers={"X-Request-ID": "mine-7"})
        assert found.headers.get_list("X-Request-ID") == ["mine-7"]
        made = cluster.get(address).headers.get_list("X-Request-ID")
        assert len(made) == 1
    assert cluster.get("/v1/jobs/none").json()["request_id"]
