"""What one client can make the server do is bounded, whatever it asks; the others are answered.

The same attacks at their full size, against a server in a process of its own whose memory is
watched: tests/load (`make soak`).
"""

import io
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from fovea.server.engine.costs import drawing
from fovea.server.settings import Settings
from tests.server.asking import at
from tests.server.conftest import VIT, OneNetwork, Running, running, until

MEBIBYTE = 1 << 20


def tiff(side: int) -> bytes:
    """A large photo in a small file: one bit a pixel, all of it white."""
    buffer = io.BytesIO()
    Image.new("1", (side, side), 1).save(buffer, "TIFF", compression="group4")
    return buffer.getvalue()


def ask(server: Running, request: str, count: int) -> None:
    """So many requests, each on a connection of its own that is closed at once."""
    for number in range(count):
        with socket.create_connection(server.address, timeout=60) as connection:
            connection.sendall(request.format(number).encode())
            time.sleep(0.002)


def test_drawing_holds_no_more_than_its_share(serve: Callable[..., Running]) -> None:
    server = serve(work_budget_bytes=96 * MEBIBYTE)
    made = server.analyse(tiff(2000))
    most = [0]
    hold = server.engine.work.hold

    def watched(nbytes: int) -> Any:
        most[0] = max(most[0], server.engine.work.held)
        return hold(nbytes)

    server.engine.work.hold = watched  # type: ignore[method-assign]
    address = server.url + at(made, "/sites/s05/attention")

    def overlay(number: int) -> int:
        return httpx.get(
            address, params={"opacity": number / 10}, headers={"Accept": "image/png"}, timeout=60
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(overlay, range(8))) == [200] * 8
    assert drawing(2000, 2000) <= most[0] <= 84 * MEBIBYTE
    assert server.engine.work.held == 0


def test_what_would_not_fit_even_alone_is_refused_before_it_is_decoded(
    serve: Callable[..., Running],
) -> None:
    server = serve(work_budget_bytes=16 * MEBIBYTE)
    refused = server.client.post("/v1/analyses", files={"image": tiff(2000)})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/too-many-pixels")
    assert "FOVEA_WORK_BUDGET_BYTES" in refused.json()["hint"]
    assert server.analyse(tiff(200))["id"]


def test_passes_that_nobody_waits_for_are_not_made(
    serve: Callable[..., Running], picture: Callable[[int], bytes]
) -> None:
    server = serve(inference_threads=1)
    until(lambda: server.engine.not_ready is None)
    made = server.analyse(picture(21))
    path = at(made, "/maps/relevance?target={}")
    ask(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n", 100)
    until(lambda: not server.engine.inference.waiting and not server.engine.inference.running)
    assert server.analyse(picture(22))["id"]
    until(lambda: server.engine.admitted == 0 and server.engine.answers.taken == 0)
    metrics = server.client.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    given_up = sum(float(n) for name, n in lines.items() if name.startswith("fovea_abandoned"))
    assert float(lines["fovea_forward_seconds_count"]) + given_up <= 103
    assert lines["fovea_photos_admitted"] == "0.0"


def test_passes_of_maps_hold_places_of_the_queue(picture: Callable[[int], bytes]) -> None:
    networks = OneNetwork()
    settings = Settings(device="cpu", queue_size=1, inference_threads=1)
    with running(settings, networks) as server, ExitStack() as stack:
        networks.network.open.set()
        until(lambda: server.engine.not_ready is None)
        made = server.client.post("/v1/analyses", files={"image": picture(1)}).json()
        networks.network.open.clear()
        networks.network.batches.clear()
        photo = picture(2)
        blocking = stack.enter_context(socket.create_connection(server.address, timeout=30))
        head = f"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n"
        blocking.sendall(f"{head}Content-Type: image/png\r\n\r\n".encode() + photo)
        until(lambda: networks.network.batches)
        refused = server.client.get(at(made, "/sites/s00/steps"))
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/queue-full")
        assert int(refused.headers["Retry-After"]) >= 1
        networks.network.open.set()
        assert blocking.recv(100).startswith(b"HTTP/1.1 201")


def test_a_full_queue_refuses_a_photo_before_its_body_comes(
    picture: Callable[[int], bytes],
) -> None:
    networks = OneNetwork()
    settings = Settings(device="cpu", queue_size=1, inference_threads=1)
    with running(settings, networks) as server, ThreadPoolExecutor(1) as pool:
        networks.network.open.set()
        until(lambda: server.engine.not_ready is None)
        networks.network.open.clear()
        first = pool.submit(server.client.post, "/v1/analyses", files={"image": picture(1)})
        until(lambda: server.engine.admitted)
        photo = picture(2)
        head = f"POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n"
        with socket.create_connection(server.address, timeout=60) as waiting:
            waiting.sendall(f"{head}Content-Type: image/png\r\n\r\n".encode())
            refused = answer_on(waiting)
            assert refused.status == 429
            assert int(refused.headers["Retry-After"]) >= 1
            networks.network.open.set()
            assert first.result().status_code == 201
            # The connection is still good once the body that nobody wanted has come.
            waiting.sendall(photo + f"{head}Content-Type: image/png\r\n\r\n".encode() + photo)
            assert answer_on(waiting).status == 201


def answer_on(connection: socket.socket) -> HTTPResponse:
    """The next answer on a connection, read whole."""
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer


@pytest.mark.parametrize("field", ["text", "model", "other"])
def test_fields_are_small(site: Running, field: str) -> None:
    words = " ".join(f"w{number}" for number in range(1_000_000))
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(
            httpx.post, f"{site.url}/v1/analyses", files={field: (None, words)}, timeout=30
        )
        until(lambda: site.client.get("/healthz").status_code == 200 and posted.done())
        with suppress(httpx.TransportError):  # It is cut off while it is still sending.
            assert posted.result().status_code == 413


def test_a_body_of_json_is_small(site: Running) -> None:
    answer = site.client.post("/v1/analyses", json={"text": "word " * 20_000})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_a_long_name_of_a_model_is_unknown(serve: Callable[..., Running], tmp_path: Path) -> None:
    server = serve(models_dir=tmp_path)
    for length in (201, 255, 300, 3000):
        for method, path in (("GET", "/v1/models/{}"), ("POST", "/v1/models/{}/download"),
                             ("POST", "/v1/analyses?model={}")):  # fmt: skip
            answer = server.client.request(method, path.format("a" * length), content=tiff(50),
                                           headers={"Content-Type": "image/tiff"})  # fmt: skip
            assert answer.status_code == 404, (path, length, answer.text)
            assert answer.json()["type"] == "/problems/unknown-model"


def test_uploads_that_stand_still_make_room(
    serve: Callable[..., Running], picture: Callable[[int], bytes]
) -> None:
    server = serve(
        work_budget_bytes=16 * MEBIBYTE, max_upload_bytes=2 * MEBIBYTE, upload_timeout_s=600
    )
    head = (
        "POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        f"Content-Length: {2 * MEBIBYTE}\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(10):
            stalled = stack.enter_context(socket.create_connection(server.address, timeout=60))
            stalled.sendall(head.encode() + bytes(1000))
        until(lambda: server.engine.uploads.waiting >= 8)
        assert server.engine.uploads.held <= 2 * MEBIBYTE
        # Long before those uploads end by themselves.
        assert server.analyse(picture(23))["id"]
    until(lambda: server.engine.uploads.held == 0)


def test_invented_methods_do_not_grow_the_metrics(site: Running) -> None:
    for number in range(20):
        site.client.request(f"METHOD{number}", "/healthz")
    site.client.get("/metrics")  # It counts itself.
    before = len(site.client.get("/metrics").text)
    for number in range(20, 200):
        site.client.request(f"METHOD{number}", "/healthz")
    text = site.client.get("/metrics").text
    assert len(text) - before < 200  # Numbers may have become longer.
    assert 'method="other"' in text


def test_pictures_in_other_forms_and_sizes(site: Running) -> None:
    rows, columns = np.mgrid[0:300, 0:500]
    gradient = np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(gradient).save(buffer, "PNG")
    made = site.analyse(buffer.getvalue())
    for media in ("image/png", "image/jpeg", "image/webp"):
        answer = site.client.get(
            at(made, "/sites/s05/attention"), params={"width": 250}, headers={"Accept": media}
        )
        assert answer.headers["Content-Type"] == media
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == (250, 150)
            assert Image.MIME[str(image.format)] == media
    whole = site.client.get(at(made, "/image"), params={"width": 8000})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(whole.content))), gradient)
    half = site.client.get(at(made, "/image"), params={"width": 250})
    mean = gradient.reshape(150, 2, 250, 2, 3).mean((1, 3))
    shrunk = np.asarray(Image.open(io.BytesIO(half.content))).astype(float)
    assert np.abs(shrunk - mean).max() <= 1
    assert site.client.get(at(made, "/image"), params={"width": 10_000}).status_code == 422


def test_many_clients_of_one_network_do_not_keep_out_another(
    serve: Callable[..., Running], picture: Callable[[int], bytes]
) -> None:
    server = serve()
    assert VIT in server.client.get("/v1/models").text
    until(lambda: server.engine.not_ready is None)
    server.engine.places.most_of_one = 2
    with ThreadPoolExecutor(12) as pool:
        posted = [
            pool.submit(
                httpx.post, f"{server.url}/v1/analyses", files={"image": picture(30 + n)},
                headers={"X-Forwarded-For": f"10.0.0.{n % 2}"}, timeout=30,
            )
            for n in range(12)
        ]  # fmt: skip
        alone = httpx.post(f"{server.url}/v1/analyses", files={"image": picture(60)},
                           headers={"X-Forwarded-For": "10.9.9.9"}, timeout=30)  # fmt: skip
        assert alone.status_code == 201
        assert {future.result().status_code for future in posted} <= {201, 429}


def test_weights_that_cannot_be_read_are_named_and_stop_nothing_else(
    weights_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    picture: Callable[[int], bytes],
) -> None:
    hidden = tmp_path / f"{VIT}.safetensors"
    hidden.write_bytes((weights_dir / hidden.name).read_bytes())
    # Root may read everything, so a file's mode alone would prove nothing here.
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != hidden and may(path, mode))
    with running(Settings(weights_dir=tmp_path, offline=True)) as server:
        card = server.client.get(f"/v1/models/{VIT}").json()
        assert card["status"] == "unavailable"
        assert "cannot be read" in card["reason"]
        refused = server.client.post(
            "/v1/analyses", params={"model": VIT}, files={"image": picture(1)}
        )
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/model-not-local")
        assert "chmod" in refused.json()["hint"]
        until(lambda: server.client.get("/readyz").status_code == 200)
        posted = server.client.post("/v1/analyses", files={"image": picture(1)})
        assert posted.status_code == 201
