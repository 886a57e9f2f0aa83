"""What can go wrong: the server's problems as exceptions, and a server that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """All that this client raises of its own."""


class Unreachable(ClientError):
    """Nothing answered, or not in time."""


class Problem(ClientError):
    """A server's problem details (RFC 9457).

    slug: its kind, the last part of `type`; body: all members, `limit`, `valid` and the like too.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = dict(body)
        self.slug = str(body.get("type", "about:blank")).rsplit("/", 1)[-1]
        self.title = str(body.get("title", ""))
        self.status = int(body.get("status") or 0)
        self.detail = str(body.get("detail") or self.title)
        self.hint: str | None = body.get("hint")
        super().__init__(f"{self.detail} {self.hint}" if self.hint else self.detail)
