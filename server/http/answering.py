"""Sends answers: computed off the event loop, with an ETag, and cancelled if the client
hangs up.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from fastapi import Request, Response

from fovea.server.engine import costs, pools
from fovea.server.engine.engine import Engine
from fovea.server.wire.negotiation import JSON, choose, disposition, entity_tag, matches

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499
"""Status for a client that hung up; only logs and metrics see it."""


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Runs off the event loop; a cancelled caller stops waiting."""
    return await pools.run(pools.ANSWERS, function, *arguments)


async def drawn(
    engine: Engine, size: tuple[int, int], function: Callable[..., T], *arguments: Any
) -> T:
    """Runs the drawing of a picture of `size` (width, height) off the event loop, within the memory
    budget.
    """
    async with engine.work.hold(costs.drawing(*size)):
        return await pools.run(pools.DRAWING, function, *arguments)


async def conditional(
    request: Request,
    serial: str,
    offered: Sequence[str],
    make: Callable[[str], Awaitable[bytes]],
) -> Response:
    """The representation that the client prefers, made by `make`; 304 without making it if the
    client has it.

    serial: changes whenever the bytes may; together with address and media type it determines them.
    """
    media = _media(request, offered)
    tag = entity_tag(serial, request.url.path, request.url.query, media)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    headers |= _saved_as(request, media)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    engine: Engine = request.app.state.engine
    content = await unless_gone(request, engine.answering(lambda: make(media)))
    if content is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return Response(content, media_type=media, headers=headers)


def _media(request: Request, offered: Sequence[str]) -> str:
    """The media type that the header, or the checked `?format=`, requests."""
    named: Any = request.query_params.get("format")
    return choose(request.headers.get("accept"), offered, named)


def _saved_as(request: Request, media: str) -> dict[str, str]:
    name = request.query_params.get("download")
    return {} if name is None else {"Content-Disposition": disposition(name, media)}


def tagged(request: Request, content: bytes, media: str = JSON) -> Response:
    """A response of bytes that are cheap to make, with an ETag from their content."""
    media = _media(request, (media,)) if "format" in request.query_params else media
    tag = entity_tag(hashlib.blake2b(content).hexdigest())
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    headers |= _saved_as(request, media)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media, headers=headers)


async def unless_gone(request: Request, work: Awaitable[T]) -> T | None:
    """The result of `work`, or None if the client hung up first; `work` is then cancelled."""
    task = asyncio.ensure_future(work)
    hang_up = asyncio.ensure_future(_hang_up(request))
    try:
        await asyncio.wait({task, hang_up}, return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        task.cancel()
        hang_up.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
