"""Around every request: an id, HEAD as GET without a body, counting, and problems as answers.

Whatever is raised further in becomes problem details with the request's id, and never a stack
trace.
"""

from __future__ import annotations

import logging
import re
import secrets
from time import perf_counter

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fovea.server.engine.turns import CLIENT
from fovea.server.http.metrics import Metrics
from fovea.server.http.security import SECURITY_HEADERS
from fovea.server.problems import Internal, Problem

log = logging.getLogger("fovea.requests")

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Context:
    """Gives each request an id and turns what it raises into an answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        method = scope["method"]
        request_id = _request_id(scope)
        CLIENT.set((scope.get("client") or ("",))[0])
        scope = {**scope, "state": {**scope.get("state", {}), "request_id": request_id}}
        if method == "HEAD":
            scope["method"] = "GET"
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            pass  # Nobody is there to be answered.
        except Exception as error:
            if status:  # Too late for another answer; the server breaks the connection off.
                raise
            problem = error if isinstance(error, Problem) else _unforeseen(error, request_id)
            await problem_response(problem, scope)(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.answered(method, route, status, perf_counter() - started)


def problem_response(problem: Problem, scope: Scope) -> Response:
    """The problem as RFC 9457 problem details."""
    body = problem.body(scope["path"], scope["state"]["request_id"])
    return Response(
        orjson.dumps(body, default=str),
        status_code=problem.status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def _request_id(scope: Scope) -> str:
    """The client's own if it is harmless in a log, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if ACCEPTED_ID.fullmatch(given) else secrets.token_hex(8)


def _unforeseen(error: Exception, request_id: str) -> Problem:
    log.error("request %s failed", request_id, exc_info=error)
    return Internal("The server met an error that it did not foresee.")
