"""Wraps every request: an id, HEAD as GET without a body, metrics, and problems as responses.

Any exception becomes a problem response with the request's id, never a stack trace.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Mapping
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fovea.server.answers.refusals import problem_of
from fovea.server.engine.turns import CLIENT
from fovea.server.http.metrics import Metrics
from fovea.server.http.problem_details import problem_response
from fovea.server.problems import Internal, Problem

log = logging.getLogger("fovea.requests")
access = logging.getLogger("fovea.access")

LONGEST_PATH = 300
"""Maximum length of a path in the log; the query, which may hold a token, is never logged."""

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Context:
    """Gives each request an id and turns exceptions into responses."""

    def __init__(self, app: ASGIApp, metrics: Metrics, headers: Mapping[str, str]) -> None:
        self.app, self.metrics, self.headers = app, metrics, headers

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
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            pass  # there is nobody to answer
        except Exception as error:
            if status:  # too late for another answer; the server drops the connection
                raise
            problem = problem_of(error) or _unforeseen(error, request_id)
            await problem_response(problem, scope)(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = perf_counter() - started
            self.metrics.answered(method, route, status, seconds)
            access.info(
                "%s %s %s", method, scope["path"][:LONGEST_PATH], status,
                extra={
                    "request_id": request_id, "client": CLIENT.get(), "method": method,
                    "path": scope["path"][:LONGEST_PATH], "route": route, "status": status,
                    "ms": round(1000 * seconds, 1),
                },
            )  # fmt: skip


def _request_id(scope: Scope) -> str:
    """The client's own id if it is safe in a log, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    if ACCEPTED_ID.fullmatch(given):
        return given
    # It need not be secret, and reading the system's source would release the GIL.
    return f"{random.getrandbits(64):016x}"


def _unforeseen(error: Exception, request_id: str) -> Problem:
    log.error("request %s failed", request_id, exc_info=error)
    return Internal("The server met an error that it did not foresee.")
