"""Many photos at once: an entry for each, in order, within bounds, and nothing goes on after."""

import io
import socket
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fovea.server.settings import Settings
from tests.server.conftest import SE, VIT, OneNetwork, Running, running, until

Picture = Callable[[int], bytes]


def files(photos: list[tuple[str, bytes]]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("image", photo) for photo in photos]


def ended(on: Running, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}

    def over() -> bool:
        answer.update(on.client.get(job["links"]["self"]).json())
        return answer["state"] not in ("queued", "running")

    until(over)
    return answer


def test_twelve_photos_of_which_one_is_none(site: Running, picture: Picture) -> None:
    photos = [(f"{n}.png", picture(900 + n)) for n in range(12)]
    photos[5] = ("notes.txt", b"this is no photo")
    sent = site.client.post("/v1/batches", data={"model": VIT}, files=files(photos))
    assert sent.status_code == 202, sent.text
    job = sent.json()
    assert sent.headers["location"] == job["links"]["self"]
    assert (job["kind"], job["model"]) == ("batch", VIT)
    last = ended(site, job)
    assert (last["state"], last["done"], last["total"]) == ("done", 12, 12)
    found = site.client.get(last["result"]).json()
    assert [one["name"] for one in found["photos"]] == [name for name, _ in photos]
    for number, one in enumerate(found["photos"]):
        if number == 5:
            assert one["analysis"] is None
            assert one["problem"]["type"] == "/problems/unsupported-format"
            continue
        # The same that the photo alone is answered with.
        assert one["analysis"] == site.analyse(photos[number][1])["id"]
        assert one["problem"] is None
        assert site.client.get(one["href"]).json()["model"] == VIT


def test_who_sent_a_batch_may_forget_what_it_made(serve: Any, picture: Picture) -> None:
    on = serve()
    sent = on.client.post("/v1/batches?model=" + SE, files=files([("a.png", picture(950))]))
    last = ended(on, sent.json())
    (one,) = on.client.get(last["result"]).json()["photos"]
    on.client.cookies.clear()
    assert on.client.delete(one["href"]).status_code == 403
    key = {"Fovea-Key": sent.headers["fovea-key"]}
    assert on.client.delete(one["href"], headers=key).status_code == 204


@pytest.fixture
def turnstile() -> Iterator[tuple[Running, OneNetwork]]:
    catalog = OneNetwork()
    settings = Settings(
        default_model=OneNetwork.ID, batch_photos=20, batch_bytes=8 << 20, max_upload_bytes=1 << 20
    )
    catalog.network.open.set()
    with running(settings, catalog) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        catalog.network.open.clear()
        yield on, catalog
        catalog.network.open.set()


def test_cancelled_half_way_nothing_is_left_running(
    turnstile: tuple[Running, OneNetwork], picture: Picture
) -> None:
    on, catalog = turnstile
    photos = [(f"{n}.png", picture(n)) for n in range(12)]
    before = len(catalog.network.batches)
    job = on.client.post("/v1/batches", files=files(photos)).json()
    until(lambda: on.engine.admitted)
    answer = on.client.delete(job["links"]["self"]).json()
    assert answer["state"] == "cancelled"
    catalog.network.open.set()
    until(lambda: not on.engine.admitted and not len(on.engine.underway))
    assert on.engine.uploads.held == 0
    until(lambda: on.engine.work.held == 0)
    passes = len(catalog.network.batches)
    entries = on.client.get(f"/v1/batches/{job['id']}").json()["photos"]
    assert len(entries) == 12
    assert {one["problem"]["type"] for one in entries} == {"/problems/job-cancelled"}
    # Those under way end; how many those are depends on the machine's cores.
    assert len(catalog.network.batches) == passes < before + len(photos)
    assert len(on.engine.store) == 0


def test_a_full_queue_makes_a_batch_wait_and_fail_nothing(picture: Picture, serve: Any) -> None:
    on = serve(queue_size=1)
    until(lambda: on.client.get("/readyz").status_code == 200)
    photos = [(f"{n}.png", picture(970 + n)) for n in range(4)]
    one, other = (
        on.client.post("/v1/batches", data={"model": VIT}, files=files(some)).json()
        for some in (photos[:2], photos[2:])
    )
    for job in (one, other):
        found = on.client.get(ended(on, job)["result"]).json()["photos"]
        assert all(photo["analysis"] for photo in found)


def large(nbytes: int) -> bytes:
    """A photo whose file has about so many bytes, as noise keeps them."""
    from PIL import Image

    side = int((nbytes / 3) ** 0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def test_a_batch_larger_than_its_share_is_read_as_it_is_seen(
    picture: Picture, weights_dir: Any
) -> None:
    settings = Settings(
        weights_dir=weights_dir,
        offline=True,
        default_model=VIT,
        work_budget_bytes=16 << 20,
        max_upload_bytes=1 << 20,
    )
    with running(settings) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        photo = large(500_000)
        most = 0
        photos = [(f"{n}.bmp", photo[:-1] + bytes([n])) for n in range(16)]
        photos.insert(3, ("huge.bmp", large(2_000_000)))
        sent = on.client.post("/v1/batches", data={"model": VIT}, files=files(photos))
        assert sent.status_code == 202, sent.text
        most = on.engine.uploads.nbytes
        assert sum(len(data) for _, data in photos) > 4 * most
        found = on.client.get(ended(on, sent.json())["result"]).json()["photos"]
        assert [one["name"] for one in found if one["problem"]] == ["huge.bmp"]
        assert found[3]["problem"]["type"] == "/problems/too-large"
        assert on.engine.uploads.held == 0
        late = on.client.post("/v1/batches", files=[*files(photos), ("model", (None, VIT))])
        assert late.status_code == 422
        assert "before the photos" in late.json()["hint"]


def test_a_form_that_is_none_is_refused_and_forgotten(
    turnstile: tuple[Running, OneNetwork], picture: Picture
) -> None:
    on, catalog = turnstile
    catalog.network.open.set()
    good = files([("a.png", picture(1))])
    for form, status, slug in (
        ([*good, ("modle", (None, "x"))], 422, "invalid-parameter"),
        ([("model", (None, OneNetwork.ID))], 422, "missing-image"),
        ([("model", (None, "nothing-of-it")), *good], 404, "unknown-model"),
        (good * 21, 413, "too-large"),
    ):
        answer = on.client.post("/v1/batches", files=form)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert on.client.post("/v1/batches", content=picture(1)).status_code == 415
    assert on.client.post("/v1/batches?modle=x", files=good).status_code == 422
    both = on.client.post("/v1/batches?model=a", data={"model": "b"}, files=good)
    assert both.status_code == 422
    until(lambda: on.engine.uploads.held == 0)
    assert len(on.engine.store) == 0


def test_hanging_up_while_sending_ends_the_batch(
    turnstile: tuple[Running, OneNetwork], picture: Picture
) -> None:
    on, catalog = turnstile
    with socket.create_connection(on.address) as line:
        part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        line.sendall(
            b"POST /v1/batches?model=turnstile HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000\r\n\r\n"
            + part
            + picture(3)
            + b"\r\n"
            + part
        )
        until(lambda: on.engine.admitted)
        assert on.engine.uploads.held
    until(lambda: not on.engine.admitted)
    until(lambda: on.engine.uploads.held == 0)
    catalog.network.open.set()
    assert len(on.engine.store) == 0
