"""Requests that are wrong, slow, endless, foreign or abandoned; the next one is always fine."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from fovea.server.settings import Settings
from fovea.server.wire import schemas
from tests.server.conftest import VIT, OneNetwork, Running, running, until

LIMIT_BYTES = 200_000
TIMEOUT_S = 1.0
TOKEN = "an-open-sesame-of-16"
POST = "POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


@pytest.fixture(scope="module")
def strict(serve: Callable[..., Running]) -> Running:
    """A server with tight limits."""
    return serve(max_upload_bytes=LIMIT_BYTES, upload_timeout_s=TIMEOUT_S, token=TOKEN)


@pytest.fixture(scope="module")
def narrow(serve: Callable[..., Running]) -> Running:
    return serve(max_upload_bytes=LIMIT_BYTES, upload_timeout_s=TIMEOUT_S)


def problem_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = schemas.Problem.model_validate(response.json())
    assert problem.status == response.status_code
    assert problem.request_id == response.headers["X-Request-ID"]
    assert "Traceback" not in response.text
    return response.status_code, problem.type.removeprefix("/problems/")


@contextmanager
def raw(server: Running) -> Iterator[socket.socket]:
    with socket.create_connection(server.address, timeout=60) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of the answer, read until the server closes or all is there."""
    data = b""
    while True:
        received = connection.recv(65536)
        data += received
        head, _, body = data.partition(b"\r\n\r\n")
        if not received or body.endswith(b"}"):
            return int(head.split()[1]), json.loads(body)


# --- forms --------------------------------------------------------------------------------------


def form(body: bytes, boundary: str = "b") -> dict[str, Any]:
    kind = f"multipart/form-data; boundary={boundary}" if boundary else "multipart/form-data"
    return {"content": body, "headers": {"Content-Type": kind}}


def part(name: str, content: bytes) -> bytes:
    return (
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"
    )


@pytest.mark.parametrize(
    ("request_of", "status", "slug"),
    [
        (form(part("model", VIT.encode()) + b"--b--\r\n"), 422, "missing-image"),
        (form(part("image", b"") + b"--b--\r\n"), 422, "empty-image"),
        (form(part("image", b"<svg/>") + b"--b--\r\n"), 415, "unsupported-format"),
        (form(b"no boundary in here"), 400, "malformed-body"),
        (form(b"--b\r\nrubbish\r\n\r\n--b--\r\n"), 400, "malformed-body"),
        (form(part("image", b"x")), 400, "malformed-body"),
        (form(b"--b--\r\n", boundary=""), 400, "malformed-body"),
        (form(b"--b--\r\n", boundary="x" * 500), 400, "malformed-body"),
        (form(b"".join(part(f"p{i}", b"") for i in range(500))), 400, "malformed-body"),
        (form(part("image", b"x") * 2 + b"--b--\r\n"), 400, "malformed-body"),
        ({"content": b"", "headers": {"Content-Type": "image/png"}}, 422, "empty-image"),
        ({"json": {"image": "http://127.0.0.1/x.png"}}, 422, "invalid-parameter"),
        ({"json": ["a sentence"]}, 400, "malformed-body"),
        (form(part("image", b"x") + part("beam", b"3") + b"--b--\r\n"), 422, "invalid-parameter"),
    ],
)
def test_bodies_that_hold_no_photo(
    site: Running, request_of: dict[str, Any], status: int, slug: str
) -> None:
    assert problem_of(site.client.post("/v1/analyses", **request_of)) == (status, slug)


@pytest.mark.parametrize("model", ["nope", "../../etc/passwd", "x" * 5000, "\0"])
def test_an_unknown_model_for_a_photo(
    site: Running, picture: Callable[[int], bytes], model: str
) -> None:
    response = site.client.post("/v1/analyses", files={"image": picture(0)}, data={"model": model})
    assert problem_of(response) == (404, "unknown-model")
    assert VIT in response.json()["known"]


# --- limits -------------------------------------------------------------------------------------


def test_too_many_bytes_are_refused_by_their_declared_length(narrow: Running) -> None:
    response = narrow.client.post("/v1/analyses", content=bytes(LIMIT_BYTES + 1))
    assert problem_of(response) == (413, "too-large")
    assert response.json()["limit"] == LIMIT_BYTES


def test_a_large_upload_gets_to_read_why_it_was_refused(narrow: Running) -> None:
    # Many times what fits into the sockets' buffers: a browser would only see its pipe break.
    size = 40_000_000
    with raw(narrow) as connection:
        connection.sendall(f"{POST}Content-Length: {size}\r\n\r\n".encode())
        connection.sendall(bytes(size))
        status, problem = answer(connection)
    assert (status, problem["type"]) == (413, "/problems/too-large")


def test_an_endless_chunked_body_is_cut_off(narrow: Running) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(10_000)

    started = time.monotonic()
    with raw(narrow) as connection:
        connection.sendall(f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for block in endless():
                connection.sendall(b"%x\r\n%s\r\n" % (len(block), block))
                if time.monotonic() - started > 60:
                    pytest.fail("still reading")
        except OSError:
            pass
    assert narrow.client.get("/healthz").status_code == 200


def test_a_chunked_body_over_the_limit(narrow: Running) -> None:
    with raw(narrow) as connection:
        connection.sendall(f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode())
        connection.sendall(b"%x\r\n%s\r\n" % (LIMIT_BYTES + 1, bytes(LIMIT_BYTES + 1)))
        status, problem = answer(connection)
    assert (status, problem["type"]) == (413, "/problems/too-large")


def test_a_body_shorter_than_it_said(narrow: Running) -> None:
    started = time.monotonic()
    with raw(narrow) as connection:
        connection.sendall(f"{POST}Content-Length: 1000\r\n\r\nonly this".encode())
        status, problem = answer(connection)
    assert (status, problem["type"]) == (408, "/problems/upload-timeout")
    assert time.monotonic() - started > TIMEOUT_S * 0.9


def test_a_byte_now_and_then(narrow: Running) -> None:
    started = time.monotonic()
    with raw(narrow) as connection:
        connection.sendall(f"{POST}Content-Length: 1000\r\n\r\n".encode())
        connection.settimeout(0.1)
        while True:
            try:
                connection.sendall(b"x")
                if received := connection.recv(65536):
                    break
            except TimeoutError:
                assert time.monotonic() - started < 60
    assert received.startswith(b"HTTP/1.1 408")


def test_who_hangs_up_while_uploading_leaves_nothing_behind(
    narrow: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with raw(narrow) as connection:
        connection.sendall(f"{POST}Content-Length: 100000\r\n\r\n".encode() + bytes(50_000))
    until(lambda: 'status="0"' in narrow.client.get("/metrics").text)
    assert narrow.engine.admitted == 0
    assert not caplog.records  # It is nobody's mistake.


def test_who_hangs_up_while_queued_costs_no_pass(picture: Callable[[int], bytes]) -> None:
    networks = OneNetwork()
    with running(Settings(device="cpu", queue_size=2, inference_threads=1), networks) as server:
        network = networks.network
        network.open.set()
        until(lambda: server.engine.not_ready is None)
        network.open.clear()
        network.batches.clear()

        def send(connection: socket.socket, seed: int) -> None:
            photo = picture(seed)
            connection.sendall(f"{POST}Content-Length: {len(photo)}\r\n\r\n".encode() + photo)

        with raw(server) as first, raw(server) as second:
            send(first, 1)
            until(lambda: network.batches)
            send(second, 2)
            until(lambda: server.engine.inference.waiting == 1)

            full = server.client.post("/v1/analyses", files={"image": picture(3)})
            assert problem_of(full) == (429, "queue-full")
            assert int(full.headers["Retry-After"]) >= 1

            second.close()
            until(lambda: server.engine.admitted == 1)
            network.open.set()
            status, seen = answer(first)
            assert (status, seen["model"]) == (201, networks.ID)
        again = server.client.post("/v1/analyses", files={"image": picture(3)})
        assert again.status_code == 201
        assert network.batches == [1, 1]


def test_who_hangs_up_while_running_disturbs_nobody(picture: Callable[[int], bytes]) -> None:
    networks = OneNetwork()
    with running(Settings(device="cpu"), networks) as server:
        networks.network.open.set()
        until(lambda: server.engine.not_ready is None)
        networks.network.open.clear()
        networks.network.batches.clear()
        photo = picture(1)
        with raw(server) as connection:
            connection.sendall(f"{POST}Content-Length: {len(photo)}\r\n\r\n".encode() + photo)
            until(lambda: networks.network.batches)
        networks.network.open.set()
        assert server.client.post("/v1/analyses", files={"image": picture(2)}).status_code == 201


def test_not_ready_until_a_photo_went_through() -> None:
    networks = OneNetwork()
    with running(Settings(device="cpu"), networks) as server:
        until(lambda: networks.network.batches)
        response = server.client.get("/readyz")
        assert problem_of(response) == (503, "not-ready")
        assert response.headers["Retry-After"]
        assert server.client.get("/healthz").status_code == 200
        networks.network.open.set()
        until(lambda: server.client.get("/readyz").status_code == 200)


def test_an_evicted_analysis_says_how_to_get_it_back(
    serve: Callable[..., Running], picture: Callable[[int], bytes]
) -> None:
    small = serve(trace_budget_bytes=1)
    first = small.analyse(picture(1))
    small.analyse(picture(2))
    response = small.client.get(f"/v1/analyses/{first['id']}/sites/s00/attention")
    assert problem_of(response) == (410, "analysis-gone")
    assert "POST" in response.json()["hint"]
    assert small.analyse(picture(1))["id"] == first["id"]
    assert small.client.get(f"/v1/analyses/{first['id']}").status_code == 200


def test_an_analysis_that_never_was(site: Running) -> None:
    for name in ("0" * 20, "%2e%2e", "x" * 3000):
        response = site.client.get(f"/v1/analyses/{name}/sites/s00/attention")
        assert problem_of(response)[0] == 404


# --- methods and addresses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/analyses", {"POST"}),
        ("GET", "/v1/analyses", {"POST"}),
        ("POST", "/v1/models", {"GET", "HEAD"}),
        ("DELETE", "/healthz", {"GET", "HEAD"}),
        ("PATCH", "/v1/analyses/x", {"GET", "HEAD", "DELETE"}),
        ("PATCH", "/v1/jobs/x", {"GET", "HEAD", "DELETE"}),
        ("DELETE", "/v1/models/vit/download", {"GET", "HEAD", "POST"}),
    ],
)
def test_a_wrong_method_names_the_right_ones(
    site: Running, method: str, path: str, allowed: set[str]
) -> None:
    response = site.client.request(method, path)
    assert problem_of(response) == (405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_head_is_get_without_a_body(site: Running, analysis: dict[str, Any]) -> None:
    for path in ("/", "/healthz", f"/v1/analyses/{analysis['id']}/sites/s00/attention"):
        head, get = site.client.head(path), site.client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert head.headers.get("ETag") == get.headers.get("ETag")


def test_request_ids_come_back_if_they_are_harmless(site: Running) -> None:
    given = site.client.get("/healthz", headers={"X-Request-ID": "abc-123"})
    assert given.headers["X-Request-ID"] == "abc-123"
    odd = site.client.get("/healthz", headers={"X-Request-ID": "a b<script>"})
    assert odd.headers["X-Request-ID"].isalnum()


# --- trust --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[", "127.0.0.1.x"])
def test_a_foreign_host_is_turned_away(site: Running, host: str) -> None:
    response = site.client.get("/v1/models", headers={"Host": host})
    assert problem_of(response) == (421, "foreign-host")


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "LOCALHOST.", "10.0.0.9"])
def test_a_known_host_or_an_address_is_welcome(site: Running, host: str) -> None:
    assert site.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_another_site_may_link_but_not_post(
    site: Running, picture: Callable[[int], bytes], headers: dict[str, str]
) -> None:
    posted = site.client.post("/v1/analyses", files={"image": picture(0)}, headers=headers)
    assert problem_of(posted) == (403, "cross-site")
    assert site.client.get("/", headers=headers).status_code == 200


def test_the_own_page_may_post(site: Running, picture: Callable[[int], bytes]) -> None:
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": site.url}):
        posted = site.client.post("/v1/analyses", files={"image": picture(0)}, headers=headers)
        assert posted.status_code == 201


def test_a_token_is_asked_for(strict: Running) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        response = strict.client.get("/v1/models", headers=headers)
        assert problem_of(response) == (401, "unauthorised")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert strict.client.get("/metrics").status_code == 401
    assert strict.client.get("/healthz").status_code == 200
    given = {"Authorization": f"bearer {TOKEN}"}
    assert strict.client.get("/v1/models", headers=given).status_code == 200


def test_the_link_with_the_token_signs_a_browser_in(strict: Running) -> None:
    with httpx.Client(base_url=strict.url) as browser:
        assert browser.get("/?token=wrong").status_code == 200
        assert browser.get("/v1/models").status_code == 401
        signed = browser.get(f"/?token={TOKEN}")
        assert (signed.status_code, signed.headers["Location"]) == (303, "/")
        assert "HttpOnly" in signed.headers["Set-Cookie"]
        assert TOKEN not in signed.headers["Set-Cookie"]
        assert browser.get("/v1/models").status_code == 200


def test_every_answer_carries_the_policy(site: Running) -> None:
    for path in ("/", "/v1/models", "/nowhere", "/docs"):
        headers = site.client.get(path).headers
        policy = dict(
            directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
