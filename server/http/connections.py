"""Limits on sockets before they make a request: time, bytes and number. uvicorn has no such limits.

- A request's headers must be complete by a deadline, counted from the start of the connection or
the first byte after the last answer; trickling bytes does not extend it.
- The rest of a body that was answered early is read and dropped, for as long as an upload may take.
Closing while it still arrives would reset the connection and lose the answer.
- Connections are capped below the process's file limit. At the cap the connection that has been
silent longest is closed, so idle ones never lock people out.
- A chunked body in very many very small chunks is cut off.
- A client that does not read its answer is cut off, and what waits for slow ones is bounded.
- None of this is logged, so that logs do not grow with network noise.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from typing import Any, ClassVar

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from fovea.server.settings import Settings

MAX_HEADER_BYTES = 65_536
KEEP_ALIVE_S = 15
FILES_LEFT = 96
"""Files reserved for everything that is not a connection, and for connections that were just
accepted and will be closed.
"""
AT_ONCE = 16
"""Connections accepted in one go. asyncio derives this from the listen backlog, which is set to its
own value afterwards.
"""
QUEUE = 1024
FEWEST = 8
READ_S, READ_BYTES = 15.0, 32_768
"""A client that takes less of its answer than that in that time is cut off."""
MOST_UNSENT = 256 << 20
"""Bytes of answers that wait for slow clients, all together; at more, who is longest at it goes."""
FREE_PIECES, PIECE_BYTES = 1000, 256
"""Chunks of a body that may be of any size, and the mean size that more of them must have."""

_Protocol: Any = H11Protocol


def config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Uvicorn's configuration for this server."""
    return uvicorn.Config(
        app,
        http=_guarded(
            most_connections(settings.max_connections),
            settings.header_timeout_s,
            settings.upload_timeout_s,
        ),
        ws="none",
        # uvicorn's warnings are about sockets that send garbage.
        log_level="error",
        access_log=False,
        server_header=False,
        # Forwarded headers are handled in forwarded.py, which also knows the prefix.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        backlog=AT_ONCE,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
    )


class Server(uvicorn.Server):
    """Accepts few connections at a time out of a long operating-system backlog."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts listening."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUE)


def most_connections(wanted: int) -> int:
    """The requested number of connections, or what the file limit allows after raising it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + FILES_LEFT
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(FEWEST, min(wanted, soft - FILES_LEFT))


class _Connection(h11.Connection):
    """Stops parsing a body that comes in crumbs: each chunk of a chunked body costs as much time
    as some kilobytes do, so 32 MiB of single bytes would keep the event loop busy for minutes.
    """

    crumbled = False
    _pieces = _bytes = 0

    def next_event(self) -> Any:
        """As h11 has it; nothing more once the body is refused."""
        if self.crumbled:
            return h11.NEED_DATA
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._pieces += event.chunk_start
            self._bytes += len(event.data)
            over = self._pieces > FREE_PIECES
            self.crumbled = over and self._bytes < self._pieces * PIECE_BYTES
        return event


class _Transport:
    """A transport that closes only after the client's current request body has been read."""

    def __init__(self, transport: asyncio.Transport, protocol: Any) -> None:
        self._transport, self._protocol = transport, protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """True also while it waits for the rest of the body."""
        return self._protocol.leaving or self._transport.is_closing()

    def close(self) -> None:
        """Marks the answer as complete; a second call closes without waiting."""
        if self.is_closing() or not self._protocol.body_is_due():
            self._transport.close()
        else:
            self._protocol.leave()


class _Guarded(_Protocol):  # type: ignore[misc]
    """One connection. `silent_since` is None while a request is being answered.

    most: connections. header_s, body_s: seconds for headers and bodies.
    """

    most: ClassVar[int]
    header_s: ClassVar[float]
    body_s: ClassVar[float]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = _Connection(h11.SERVER, MAX_HEADER_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(_Transport(transport, self))
        self.unread = 0
        self.leaving = False
        self.deadline: asyncio.TimerHandle | None = None
        self.silent_since: float | None = self.loop.time()
        self.unsent, self.stuck_since = 0, 0.0
        self.reading: asyncio.TimerHandle | None = None
        self._expect(self.header_s)
        if len(self.connections) > self.most:
            silent = [c for c in self.connections if c.silent_since is not None]
            first = min(silent, key=lambda c: c.silent_since, default=self)
            first.transport.abort()
            # Its callback comes later; connections accepted meanwhile must not count it.
            self.connections.discard(first)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self._reads_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More of the answer waits than the client takes at once."""
        super().pause_writing()
        self.stuck_since = self.loop.time()
        self._watch_reading()
        slow = [one for one in self.connections if one.reading is not None]
        if sum(one.transport.get_write_buffer_size() for one in slow) > MOST_UNSENT:
            min(slow, key=lambda one: one.stuck_since).drop()

    def resume_writing(self) -> None:
        """The client has taken nearly all of it."""
        self._reads_on()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.leaving:
            return
        if self._answering():
            super().data_received(data)
            if self.conn.crumbled:
                self.transport.abort()
            return
        rest = self.body_is_due()
        self.unread += len(data)
        super().data_received(data)
        if self.conn.crumbled:
            self.transport.abort()
        elif self._answering():
            self.silent_since = None
            self._expect_nothing()
        elif self.body_is_due():
            self.unread = 0
        elif rest:
            self.unread = len(self.conn.trailing_data[0])
            self._expect_nothing()
            if self.unread:
                self._expect(self.header_s)
        elif self.unread > MAX_HEADER_BYTES:
            self.transport.abort()
        elif self.deadline is None:
            self._expect(self.header_s)

    def on_response_complete(self) -> None:
        self.silent_since, self.unread = self.loop.time(), 0
        if self.body_is_due():
            self._expect(self.body_s)
        super().on_response_complete()
        if self._answering():  # the next request had already arrived
            self.silent_since = None

    def leave(self) -> None:
        """The answer is sent; whatever the client still sends is dropped until it closes."""
        self.leaving = True
        self.flow.resume_reading()
        self._expect(self.body_s)
        if self.transport.can_write_eof():
            with suppress(OSError):  # a client that has gone needs no end
                self.transport.write_eof()

    def body_is_due(self) -> bool:
        """Whether the client has begun a request body and not finished it."""
        return bool(self.conn.their_state is h11.SEND_BODY)

    def _unsupported_upgrade_warning(self) -> None:
        pass

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def drop(self) -> None:
        """Resets the connection, so that the system too lets go of what was not read."""
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        taken = self.transport.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def _watch_reading(self) -> None:
        self.unsent = self.transport.get_write_buffer_size()
        self.reading = self.loop.call_later(READ_S, self._still_reads)

    def _still_reads(self) -> None:
        if self.transport.get_write_buffer_size() > self.unsent - READ_BYTES:
            self.drop()
        else:
            self._watch_reading()

    def _reads_on(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            self.reading = None

    def _expect(self, within_s: float) -> None:
        self._expect_nothing()
        self.deadline = self.loop.call_later(within_s, self._too_slow)

    def _expect_nothing(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _too_slow(self) -> None:
        self.deadline = None
        if not self._answering():
            self.transport.abort()


def _guarded(most: int, header_s: float, body_s: float) -> Any:
    """Uvicorn's protocol with these limits: connections, and seconds for headers and bodies."""
    limits = {"most": most, "header_s": header_s, "body_s": body_s}
    return type("Guarded", (_Guarded,), limits)
