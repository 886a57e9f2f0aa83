"""Addresses of this server as its clients see them: under a prefix where a proxy gives it one."""

from __future__ import annotations

from contextvars import ContextVar

PREFIX: ContextVar[str] = ContextVar("prefix", default="")
"""Of the request that is being answered: FOVEA_ROOT_PATH or X-Forwarded-Prefix, without a slash at
the end.
"""


def address(path: str) -> str:
    """A path of this server, which begins with a slash, as the client has to ask for it."""
    return PREFIX.get() + path
