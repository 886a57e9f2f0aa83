"""Around a proxy's own answers: problems instead of plain text, and a GET is tried again."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fovea.server.cluster import proxy
from fovea.server.settings import Settings

OWN = {proxy.OURS: "nosniff", "X-Request-ID": "abc"}


class Ray:
    """An application that says one thing after the other, as a proxy of Ray may; None: nothing."""

    def __init__(self, *says: PlainTextResponse | None) -> None:
        self.says, self.bodies = list(says), list[bytes]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        said = self.says.pop(0)
        if said is not None:
            said.raw_headers.append((b"x-request-id", b"abc"))
            await said(scope, receive, send)


def ask(app: ASGIApp, method: str = "GET", path: str = "/v1/models", **more: Any) -> httpx.Response:
    settings = Settings(**more.pop("settings", {}))

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(proxy.Edge(app, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            headers = {"X-Request-ID": "abc", **more.pop("headers", {})}
            return await client.request(method, path, headers=headers, **more)

    return asyncio.run(once())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "PAUSE_S", 0.0)


def test_a_servers_answer_passes_with_one_id() -> None:
    found = ask(Ray(PlainTextResponse("fine", 500, headers=OWN)))
    assert (found.status_code, found.text) == (500, "fine")
    assert found.headers.get_list("x-request-id") == ["abc"]


def test_rays_refusal_is_a_problem() -> None:
    found = ask(Ray(PlainTextResponse("too much", 429, {"Retry-After": "3"})), "POST")
    assert (found.status_code, found.headers["Retry-After"]) == (429, "3")
    assert found.headers["Content-Type"] == "application/problem+json"
    body = found.json()
    assert (body["type"], body["request_id"]) == ("/problems/queue-full", "abc")
    assert body["instance"] == "/v1/models"
    assert found.headers[proxy.OURS] == "nosniff"
    assert found.headers.get_list("x-request-id") == ["abc"]


@pytest.mark.parametrize("said", [None, PlainTextResponse("", 500), PlainTextResponse("", 503)])
def test_what_a_dead_replica_had_in_hand(said: PlainTextResponse | None) -> None:
    fine = PlainTextResponse("fine", headers=OWN)
    lost = Ray(said, fine)
    found = ask(lost, "POST", content=b"a photo")
    assert (found.status_code, found.headers["Retry-After"]) == (503, "1")
    assert found.json()["type"] == "/problems/replica-lost"
    assert lost.bodies == [b"a photo"]
    again = ask(Ray(None, None, fine))
    assert (again.status_code, again.text) == (200, "fine")
    never = Ray(*[None] * proxy.TRIES)
    assert ask(never).status_code == 503
    assert never.says == []


def test_what_is_not_there_yet() -> None:
    found = ask(Ray(PlainTextResponse("no path", 404)))
    assert (found.status_code, found.json()["type"]) == (503, "/problems/not-ready")


def test_rays_own_addresses_stay() -> None:
    found = ask(Ray(PlainTextResponse("success", 404)), path="/-/healthz")
    assert (found.status_code, found.text) == (404, "success")


def test_said_in_the_language_and_under_the_path_of_who_asks() -> None:
    found = ask(
        Ray(PlainTextResponse("", 429)),
        "POST",
        headers={"Accept-Language": "zh", "Origin": "https://lab.example"},
        settings={
            "root_path": "/fovea",
            "allowed_origins": ("https://lab.example",),
            "token": "0123456789abcdef",
        },
    )
    assert found.json()["type"] == "/fovea/problems/queue-full"
    assert found.json()["detail"] == "等待中的请求已达上限。"
    assert found.headers["Access-Control-Allow-Origin"] == "https://lab.example"
