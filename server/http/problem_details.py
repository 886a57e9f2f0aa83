"""A problem as an answer: RFC 9457 problem details."""

from __future__ import annotations

import orjson
from starlette.responses import Response
from starlette.types import Scope

from fovea.server.problems import Problem
from fovea.server.wire.addresses import address


def problem_response(problem: Problem, scope: Scope) -> Response:
    """The problem as RFC 9457 problem details."""
    body = problem.body(address(scope["path"]), scope["state"]["request_id"])
    body["type"] = address(body["type"])
    if "job" in body:
        body["job"] = address(body["job"])
    return Response(
        orjson.dumps(body, default=str),
        status_code=problem.status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )
