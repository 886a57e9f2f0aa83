"""In each of Ray's proxies: what Ray answers of its own is said as the servers say it.

Ray refuses, and tells of a replica that died, in plain text or not at all. Here that becomes
problem details with `Retry-After`; a GET is tried again before, by another replica. Ray's addresses
for probes, `/-/…`, stay as they are.

Ray calls `middlewares` where RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH names it, in a process that
has neither torch nor a network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fovea.server.http.forwarded import Forwarded
from fovea.server.http.language import Language
from fovea.server.http.problem_details import problem_response
from fovea.server.http.security import cross_origin, security_headers
from fovea.server.problems import NotReady, Problem, QueueFull, ReplicaLost
from fovea.server.settings import Settings, load

CALLBACK = ("RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH", "fovea.server.cluster.proxy:middlewares")
"""The variable of Ray's environment, and its value."""

OURS = "x-content-type-options"
"""A header of every answer of a server, and of none of Ray's."""
TRIES = 5
PAUSE_S = 0.1
"""Before the second try; before the others two, three, … times as long."""
ID = "x-request-id"


def middlewares() -> list[Middleware]:
    """For Ray; settings are those of its environment."""
    return [Middleware(Edge, settings=load())]


class Edge:
    """Around Ray's own application of a proxy."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._headers = security_headers(settings.frame_ancestors)
        refusing: ASGIApp = Language(_refuse)
        if settings.allowed_origins:
            refusing = CORSMiddleware(refusing, **cross_origin(settings))
        self._refusing = Forwarded(refusing, settings.root_path, settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/-/"):
            await self.app(scope, receive, send)
            return
        tries = TRIES if scope["method"] in ("GET", "HEAD") else 1
        for number in range(1, tries + 1):
            attempt = _Attempt(receive, send)
            await self.app(scope, attempt.receive, attempt.send)
            if attempt.answered or attempt.left:
                return
            if attempt.status in (404, 429):
                break
            if number < tries:
                receive = _Again(receive)
                await asyncio.sleep(PAUSE_S * number)
        problem = _problem_of(attempt)
        request_id = Headers(scope=scope).get(ID, "")
        state = {**scope.get("state", {}), "request_id": request_id, "problem": problem}
        await self._refusing({**scope, "state": state}, receive, self._signed(send, request_id))

    def _signed(self, send: Send, request_id: str) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        return answer


class _Attempt:
    """One try: passes on what a server answers, and keeps back what Ray does.

    answered: a server has begun to answer. left: the client has. status, headers: of Ray's answer.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.answered, self.left = False, False
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def receive(self) -> Message:
        message = await self._receive()
        self.left = self.left or message["type"] == "http.disconnect"
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if OURS not in headers:
                self.status, self.headers = message["status"], headers
                return
            self.answered = True
            ids = headers.getlist(ID)
            headers[ID] = ids[0]  # The server's own and Ray's are the same; all but one go.
        if self.answered:
            await self._send(message)


class _Again:
    """What a request without a body receives on another try."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._begun = receive, False

    async def __call__(self) -> Message:
        if not self._begun:
            self._begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        message = await self._receive()
        while message["type"] == "http.request":  # The first try did not read it.
            message = await self._receive()
        return message


def _problem_of(attempt: _Attempt) -> Problem:
    """As which Ray's answer is told."""
    if attempt.status == 429:
        after = attempt.headers.get("retry-after", str(QueueFull.retry_after_s))
        return QueueFull(
            "As many requests are waiting as may wait.", headers={"Retry-After": after}
        )
    if attempt.status == 404:
        return NotReady("The application is not deployed yet.")
    return ReplicaLost("The process that worked on this ended before it had answered.")


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await problem_response(scope["state"]["problem"], scope)(scope, receive, send)
