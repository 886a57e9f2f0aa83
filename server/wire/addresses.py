"""Addresses of this server as clients see them, with the proxy's prefix if there is one."""

from __future__ import annotations

from contextvars import ContextVar

PREFIX: ContextVar[str] = ContextVar("prefix", default="")
"""Prefix of the current request, from FOVEA_ROOT_PATH or X-Forwarded-Prefix, without a trailing
slash.
"""


def address(path: str) -> str:
    """The client's address for a path of this server, which begins with a slash."""
    return PREFIX.get() + path
