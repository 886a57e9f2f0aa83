"""Errors of the client: problems reported by the server, and an unreachable server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Base class of all errors that this client raises."""


class Unreachable(ClientError):
    """Nothing answered, or not in time."""


class Problem(ClientError):
    """A server's problem details (RFC 9457).

    slug: the problem type, the last part of `type`; body: all members, including `limit`, `valid`
    etc.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = dict(body)
        self.slug = str(body.get("type", "about:blank")).rsplit("/", 1)[-1]
        self.title = str(body.get("title", ""))
        self.status = int(body.get("status") or 0)
        self.detail = str(body.get("detail") or self.title)
        self.hint: str | None = body.get("hint")
        super().__init__(f"{self.detail} {self.hint}" if self.hint else self.detail)
