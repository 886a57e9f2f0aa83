"""Limits on the request body while it streams in: bytes (413) and time (408). A batch has its own
byte limit, and its deadline restarts with every chunk, since it waits while photos are analysed.

A pure ASGI middleware around `receive`: nothing is buffered, and a missing or wrong Content-Length
makes no difference. The problem is raised where the body is read, so a handler that never reads it
is not affected. connections.py delivers the answer while the client is still sending.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fovea.server.problems import Problem, TooLarge, UploadTimeout

BATCHES = "/v1/batches"


class BodyLimits:
    """Raises TooLarge or UploadTimeout from `receive`."""

    def __init__(
        self, app: ASGIApp, max_bytes: int, timeout_s: float, batch_bytes: int | None = None
    ) -> None:
        self.app, self.timeout_s = app, timeout_s
        self.max_bytes, self.batch_bytes = max_bytes, batch_bytes or max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        batch = scope["path"] == BATCHES
        most = self.batch_bytes if batch else self.max_bytes
        deadline = monotonic() + self.timeout_s
        declared = _declared_length(scope)
        received = 0
        complete = False

        async def limited() -> Message:
            nonlocal received, complete
            if complete:  # only the disconnect message is still to come; it has no deadline
                return await receive()
            if declared > most:
                raise _too_large(most, declared)
            left = self.timeout_s if batch else max(0.0, deadline - monotonic())
            try:
                message = await asyncio.wait_for(receive(), left)
            except TimeoutError:
                raise UploadTimeout(
                    f"The upload was not complete after {self.timeout_s:g} s.",
                    limit=self.timeout_s,
                    headers={"Connection": "close"},
                ) from None
            received += len(message.get("body", b""))
            if received > most:
                raise _too_large(most, received)
            complete = not message.get("more_body", False)
            return message

        await self.app(scope, limited, send)


def _too_large(limit: int, actual: int) -> Problem:
    return TooLarge(
        f"The upload is larger than {limit:,} bytes.",
        limit=limit,
        actual=actual,
        headers={"Connection": "close"},
    )


def _declared_length(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else 0
