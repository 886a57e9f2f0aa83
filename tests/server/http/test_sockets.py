"""Sockets that ask for nothing, or never finish asking, keep nobody out."""

import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path

import httpx
import numpy as np
import pytest

from fovea.server.http import connections
from tests.server.asking import at
from tests.server.conftest import Running, png_of, until

DEADLINE_S = 1.0


@pytest.fixture(scope="module")
def short(serve: Callable[..., Running]) -> Running:
    return serve(header_timeout_s=DEADLINE_S, max_connections=20)


def connect(server: Running) -> socket.socket:
    connection = socket.create_connection(server.address, timeout=60)
    connection.settimeout(60)
    return connection


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(65536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"])
def test_a_request_that_is_not_complete_ends_at_the_deadline(short: Running, said: bytes) -> None:
    with connect(short) as connection:
        started = time.monotonic()
        connection.sendall(said)
        assert closed(connection)
        assert time.monotonic() - started > DEADLINE_S * 0.9


def test_a_header_now_and_then_does_not_help(short: Running) -> None:
    with connect(short) as connection:
        started = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        connection.settimeout(0.1)
        while time.monotonic() - started < 60:
            try:
                connection.sendall(b"X-A: b\r\n")
                if not connection.recv(100):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("still open")


def test_headers_without_end_are_cut_off(short: Running) -> None:
    with connect(short) as connection:
        with pytest.raises(ConnectionError):  # noqa: PT012 (the first that meets it)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            for _ in range(10_000):
                connection.sendall(b"X-A: " + bytes(b"b" * 4000) + b"\r\n")
        assert short.client.get("/healthz").status_code == 200


def test_a_connection_that_has_been_answered_may_ask_again(short: Running) -> None:
    with httpx.Client(base_url=short.url) as client:
        for _ in range(2):
            assert client.get("/healthz").status_code == 200
            time.sleep(DEADLINE_S * 1.3)


def test_silent_connections_make_room(short: Running) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(short)) for _ in range(60)]
        with httpx.Client(base_url=short.url) as client:
            assert client.get("/healthz").status_code == 200
        assert closed(silent[0])


@pytest.fixture
def few_files(weights_dir: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server in a process of its own that may open 200 files; and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    command = f"ulimit -n 200; exec {sys.executable} -m fovea serve --port {port}"
    environment = {"FOVEA_WEIGHTS_DIR": str(weights_dir), "FOVEA_OFFLINE": "1",
                   "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}  # fmt: skip
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["bash", "-c", command], env=environment, stdout=output, stderr=output
        )
        url = f"http://127.0.0.1:{port}"
        try:
            until(lambda: _alive(url) or server.poll() is not None)
            yield url, log
        finally:
            server.terminate()
            server.wait(20)


def _alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=60).is_success
    except httpx.TransportError:
        return False


def test_more_silent_connections_than_files_stop_nothing(few_files: tuple[str, Path]) -> None:
    url, log = few_files
    address = httpx.URL(url).host, httpx.URL(url).port or 80
    with ExitStack() as stack:
        for _ in range(240):
            stack.enter_context(socket.create_connection(address, timeout=60))
        for _ in range(3):
            assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
    assert log.stat().st_size < 2000, log.read_text()[:2000]


# --- answers that are given before the body has come --------------------------------------------

BODY = bytes(400_000)


def refused_at_once(line: socket.socket, *headers: str, length: int = len(BODY)) -> None:
    """Sends the head of an upload from another site's page, which no body can make right."""
    lines = (
        "POST /v1/analyses HTTP/1.1",
        "Host: localhost",
        "Sec-Fetch-Site: cross-site",
        "Content-Type: image/png",
        f"Content-Length: {length}",
        *headers,
    )
    line.sendall("\r\n".join((*lines, "", "")).encode())


def until_answered(line: socket.socket) -> HTTPResponse:
    answer = HTTPResponse(line)
    answer.begin()
    assert (answer.status, b"cross-site" in answer.read()) == (403, True)
    return answer


def test_an_early_answer_leaves_a_connection_that_can_be_used(short: Running) -> None:
    with connect(short) as line:
        for piece in (BODY, BODY):
            refused_at_once(line)
            until_answered(line)
            for start in range(0, len(piece), 50_000):
                line.sendall(piece[start : start + 50_000])
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = HTTPResponse(line)
        answer.begin()
        assert answer.status == 200


def test_an_early_answer_that_closes_is_not_lost(short: Running) -> None:
    with connect(short) as line:
        refused_at_once(line, "Connection: close")
        until(lambda: short.client.get("/healthz").status_code == 200)
        # Sent whole before the answer is read: a reset would throw the answer away.
        for start in range(0, len(BODY), 50_000):
            line.sendall(BODY[start : start + 50_000])
            time.sleep(0.01)
        until_answered(line)
        assert line.recv(1) == b""


def test_a_body_that_never_comes_ends_as_an_upload_does(serve: Callable[..., Running]) -> None:
    patient = serve(upload_timeout_s=DEADLINE_S)
    for headers in ((), ("Connection: close",)):
        with connect(patient) as line:
            refused_at_once(line, *headers)
            until_answered(line)
            until(lambda line=line: hung_up_on(line))


def hung_up_on(line: socket.socket) -> bool:
    try:
        line.sendall(b"x")
    except OSError:
        return True
    return False


def in_chunks(size: int, count: int) -> bytes:
    head = "POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    chunk = f"{size:x}\r\n{'x' * size}\r\n" * count
    return f"{head}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("size", "count", "answered"), [(1, 900, True), (300, 2000, True), (1, 200_000, False)]
)
def test_a_body_in_crumbs_is_cut_off(site: Running, size: int, count: int, answered: bool) -> None:
    with connect(site) as connection:
        sent = True
        try:
            connection.sendall(in_chunks(size, count))
        except OSError:
            sent = False
        assert sent or not answered
        if answered:
            answer = HTTPResponse(connection)
            answer.begin()
            assert answer.status == 415
        else:
            assert closed(connection)
    assert site.client.get("/healthz").status_code == 200


@pytest.fixture(scope="module")
def large(site: Running) -> str:
    """The address of an answer of some 12 MB: more than sockets take."""
    pixels = np.random.default_rng(3).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    made = site.analyse(png_of(pixels))
    return at(made, "/image?format=png")


def slow_reader(server: Running, address: str) -> socket.socket:
    """A client that has asked for something and has little room for the answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(server.address)
    connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


@pytest.mark.skipif(not hasattr(select, "poll"), reason="no poll() here")
@pytest.mark.parametrize(("name", "value"), [("READ_S", 0.5), ("MOST_UNSENT", 1 << 20)])
def test_who_does_not_read_the_answer_is_cut_off(
    site: Running, large: str, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    monkeypatch.setattr(connections, name, value)
    with slow_reader(site, large) as connection:
        watched = select.poll()
        watched.register(connection, 0)  # errors alone are told
        assert watched.poll(60_000)


def test_who_reads_slowly_has_all_of_it(
    site: Running, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "READ_S", 2.0)
    whole = site.client.get(large).content
    with slow_reader(site, large) as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        got = bytearray()
        while piece := answer.read(1 << 17):
            got += piece
            time.sleep(0.01)
    assert got == whole
