"""How an answer leaves: computed off the event loop, tagged, and not at all when nobody waits."""

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
"""Nobody reads it; it is what the log and the metrics say."""


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Off the event loop; who is cancelled meanwhile waits no longer."""
    return await pools.run(pools.ANSWERS, function, *arguments)


async def drawn(
    engine: Engine, size: tuple[int, int], function: Callable[..., T], *arguments: Any
) -> T:
    """What `function` draws, a picture of `size` (width, height), off the event loop and within the
    memory that there is for that.
    """
    async with engine.work.hold(costs.drawing(*size)):
        return await pools.run(pools.DRAWING, function, *arguments)


async def conditional(
    request: Request,
    serial: str,
    offered: Sequence[str],
    make: Callable[[str], Awaitable[bytes]],
) -> Response:
    """The representation the client prefers, by `make`; 304, and nothing is made, if it has it.

    serial: changes whenever the bytes may; with the address and the media type it determines them.
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
    """What the header, or else `?format=`, which its route has checked, asks for."""
    named: Any = request.query_params.get("format")
    return choose(request.headers.get("accept"), offered, named)


def _saved_as(request: Request, media: str) -> dict[str, str]:
    name = request.query_params.get("download")
    return {} if name is None else {"Content-Disposition": disposition(name, media)}


def tagged(request: Request, content: bytes, media: str = JSON) -> Response:
    """Bytes that are cheap to make, under a tag of what they are."""
    media = _media(request, (media,)) if "format" in request.query_params else media
    tag = entity_tag(hashlib.blake2b(content).hexdigest())
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    headers |= _saved_as(request, media)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media, headers=headers)


async def unless_gone(request: Request, work: Awaitable[T]) -> T | None:
    """The result of `work`, or None if the client hung up first; then `work` is cancelled."""
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
