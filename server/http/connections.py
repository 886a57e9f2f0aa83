"""What a socket may do before it has asked for anything: wait so long, send so much, be one of so
many. uvicorn has no such limits of its own.

- The headers of a request have to be complete within a deadline, counted from the connection's
  start or from the first byte that follows the last answer; a byte now and then does not help.
- The rest of a body that was answered early is read and dropped, for as long as an upload may take.
  To close while it still comes would reset the connection, and the answer would be lost on its way.
- There is a cap on connections, below the number of files that the process may open. At the cap the
  connection that has been silent the longest makes room, so that silent ones never keep people out.
- Nothing of this is logged: logs grow by what people do, not by what a socket does.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from fovea.server.settings import Settings

MAX_HEADER_BYTES = 65_536
KEEP_ALIVE_S = 15
FILES_LEFT = 96
"""Of those that the process may open, for everything that is no connection, and for those that have
just been accepted and are to be closed again.
"""
AT_ONCE = 16
"""Connections accepted before anything is done about them. asyncio takes this from the length of
the operating system's queue, which is set to its own afterwards.
"""
QUEUE = 1024
FEWEST = 8

_Protocol: Any = H11Protocol


def config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Uvicorn as this server runs it."""
    return uvicorn.Config(
        app,
        http=_guarded(
            most_connections(settings.max_connections),
            settings.header_timeout_s,
            settings.upload_timeout_s,
        ),
        ws="none",
        # What uvicorn warns of are sockets that talk nonsense.
        log_level="error",
        access_log=False,
        server_header=False,
        # Forwarded headers are heeded in forwarded.py, which knows the prefix as well.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        backlog=AT_ONCE,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
    )


class Server(uvicorn.Server):
    """Accepts few connections at a time, of many that may wait with the operating system."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUE)


def most_connections(wanted: int) -> int:
    """As many as are wanted, if the process may open so many files; it asks for more if it can."""
    try:
        import resource
    except ImportError:  # There is no such limit on Windows.
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + FILES_LEFT
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(FEWEST, min(wanted, soft - FILES_LEFT))


class _Transport:
    """A connection's transport that closes only when what the client is sending has been read."""

    def __init__(self, transport: asyncio.Transport, protocol: Any) -> None:
        self._transport, self._protocol = transport, protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Also while it waits for the rest."""
        return self._protocol.leaving or self._transport.is_closing()

    def close(self) -> None:
        """Says that the answer is complete; a second call closes without waiting."""
        if self.is_closing() or not self._protocol.body_is_due():
            self._transport.close()
        else:
            self._protocol.leave()


def _guarded(most: int, header_s: float, body_s: float) -> Any:
    """Uvicorn's protocol with these limits: connections, and seconds for headers and for bodies."""

    class Guarded(_Protocol):  # type: ignore[misc]
        """One connection. `silent_since` is None while a request is being answered."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(_Transport(transport, self))
            self.unread = 0
            self.leaving = False
            self.deadline: asyncio.TimerHandle | None = None
            self.silent_since: float | None = self.loop.time()
            self._expect(header_s)
            if len(self.connections) > most:
                silent = [c for c in self.connections if c.silent_since is not None]
                first = min(silent, key=lambda c: c.silent_since, default=self)
                first.transport.abort()
                # Its turn to tell so comes later; those who connect meanwhile count without it.
                self.connections.discard(first)

        def connection_lost(self, exc: Exception | None) -> None:
            self._expect_nothing()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.leaving:
                return
            if self._answering():
                super().data_received(data)
                return
            rest = self.body_is_due()
            self.unread += len(data)
            super().data_received(data)
            if self._answering():
                self.silent_since = None
                self._expect_nothing()
            elif self.body_is_due():
                self.unread = 0
            elif rest:
                self.unread = len(self.conn.trailing_data[0])
                self._expect_nothing()
                if self.unread:
                    self._expect(header_s)
            elif self.unread > MAX_HEADER_BYTES:
                self.transport.abort()
            elif self.deadline is None:
                self._expect(header_s)

        def on_response_complete(self) -> None:
            self.silent_since, self.unread = self.loop.time(), 0
            if self.body_is_due():
                self._expect(body_s)
            super().on_response_complete()
            if self._answering():  # The next request had come already.
                self.silent_since = None

        def leave(self) -> None:
            """The answer is out; what the client still sends is dropped until it closes."""
            self.leaving = True
            self.flow.resume_reading()
            self._expect(body_s)
            if self.transport.can_write_eof():
                self.transport.write_eof()

        def body_is_due(self) -> bool:
            """Whether the client has begun a request's body and not ended it."""
            return bool(self.conn.their_state is h11.SEND_BODY)

        def _unsupported_upgrade_warning(self) -> None:
            pass

        def _answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

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

    return Guarded
