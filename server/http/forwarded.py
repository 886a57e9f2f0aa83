"""Behind a proxy: takes client, scheme and path prefix from the proxy's headers.

Only proxies at a trusted address are believed. The proxy may or may not have stripped the prefix
from the path; inside, paths never have it.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from fovea.server.wire.addresses import PREFIX

PREFIX_FORM = re.compile(r"(/[A-Za-z0-9._~@-]+)+")
LONGEST = 200


class Forwarded:
    """Sets scheme, client and path of the scope, and the prefix for addresses in answers."""

    def __init__(self, app: ASGIApp, root_path: str, trusted: tuple[str, ...]) -> None:
        self.app, self.root_path = app, root_path
        self._trusting = ProxyHeadersMiddleware(self._inside, list(trusted))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        prefix = self.root_path
        peer = (scope.get("client") or ("",))[0]
        if peer in self._trusting.trusted_hosts:
            given = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
            if len(given) <= LONGEST and PREFIX_FORM.fullmatch(given) and "/.." not in given:
                prefix = given
        PREFIX.set(prefix)
        await self._trusting(_without(prefix, scope), receive, send)  # type: ignore[arg-type]

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def _without(prefix: str, scope: Scope) -> Scope:
    path: str = scope["path"]
    if not prefix or (path != prefix and not path.startswith(f"{prefix}/")):
        return scope
    raw: bytes = scope.get("raw_path") or path.encode()
    shorter = raw[len(prefix) :] if raw.startswith(prefix.encode()) else raw
    return {**scope, "path": path[len(prefix) :], "raw_path": shorter}
