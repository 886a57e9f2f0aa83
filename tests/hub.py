"""A small hub on loopback: as much of the Hugging Face hub as the download of a file asks for, and
as unreliable as a test wants it.
"""

import hashlib
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """files: repository → the bytes of its model.safetensors; of another file of a repository,
    repository/file → its bytes.

    gets: (key in files, Range header or None) of each GET, in order. cuts: after how many bytes of
    the body the next GETs are cut off, one entry each. spoilt: bodies are not what was announced.
    takes_ranges: else a Range is ignored. git: announce git's SHA-1, as for small files. flows: a
    body stops after `piece` bytes until it is set. refusals: statuses that the next GETs get.
    elsewhere: large files are sent on to a store of another name, as the hub does. tokens: the
    (name that was asked, Authorization header) of each request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    gets: list[tuple[str, str | None]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    spoilt: bool = False
    takes_ranges: bool = True
    git: bool = False
    piece: int = 1 << 16
    pause_s: float = 0.0
    flows: threading.Event = field(default_factory=threading.Event)
    elsewhere: bool = False
    tokens: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def etag(self, body: bytes) -> str:
        if self.git:
            return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        return hashlib.sha256(body).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        if (found := self._found()) is not None and not self._sent_on(found[1]):
            body = found[1]
            self.send_response(200)
            self._headers(body, len(body))

    def do_GET(self) -> None:
        if (found := self._found()) is None or self._sent_on(found[1]):
            return
        hub = self.hub
        repository, body = found
        asked = self.headers.get("Range")
        hub.gets.append((repository, asked))
        if hub.refusals:
            self.send_error(hub.refusals.pop(0))
            return
        start = 0
        if asked and hub.takes_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self._headers(body, len(body) - start)
        if hub.spoilt:
            body = bytes(len(body))
        self._send(body[start:], hub.cuts.pop(0) if hub.cuts else None)

    def _sent_on(self, body: bytes) -> bool:
        name, port = self.headers["Host"].split(":")
        self.hub.tokens.append((name, self.headers.get("Authorization")))
        if not self.hub.elsewhere or name == "localhost":
            return False
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{port}{self.path}")
        self.send_header("X-Linked-Etag", f'"{self.hub.etag(body)}"')
        self.send_header("X-Linked-Size", str(len(body)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def _send(self, body: bytes, cut: int | None) -> None:
        try:
            for at in range(0, len(body), self.hub.piece):
                piece = body[at : at + self.hub.piece]
                if cut is not None and at + len(piece) > cut:
                    self.wfile.write(piece[: cut - at])
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.wfile.write(piece)
                sleep(self.hub.pause_s)
                assert self.hub.flows.wait(30)
        except OSError:
            pass  # The other side hung up.

    def _found(self) -> tuple[str, bytes] | None:
        match = re.fullmatch(rf"/(.+)/resolve/(?:main|{COMMIT})/([\w.-]+)", self.path)
        if match is not None:
            key = match[1] if match[2] == "model.safetensors" else f"{match[1]}/{match[2]}"
            if key in self.hub.files:
                return key, self.hub.files[key]
        self.send_error(404)
        return None

    def _headers(self, body: bytes, length: int) -> None:
        self.send_header("Content-Length", str(length))
        # A store of large files has ETags of its own.
        etag = "of-the-store" if self.hub.elsewhere else self.hub.etag(body)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def a_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that HF_ENDPOINT names as long as the block lasts."""
    hub = Hub()
    hub.flows.set()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    with monkeypatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        try:
            yield hub
        finally:
            hub.flows.set()
            server.shutdown()
            thread.join()
            server.server_close()
