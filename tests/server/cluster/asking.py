"""Every question that can be asked of a server, and its answers as they may be compared."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import httpx

from tests.server.conftest import SE, VIT, Running, until

EDITS = json.dumps({"edits": [{"edit": "off", "site": "s00", "heads": [0]}]}).encode()
BUNDLED = ("stn_digits", "sa_unet")
"""Of those that come with Fovea: one that samples, one that answers with a mask."""


class Question(NamedTuple):
    """A GET, or where there is a body a POST."""

    address: str
    body: bytes | None = None
    kind: str = "application/json"


class Answer(NamedTuple):
    """Without what differs from one request to the next."""

    status: int
    content: bytes
    etag: str | None


def answer(client: httpx.Client, asked: Question) -> Answer:
    """What the server says."""
    if asked.body is None:
        found = client.get(asked.address)
    else:
        kind = {"Content-Type": asked.kind}
        found = client.post(asked.address, content=asked.body, headers=kind)
    content = re.sub(rb'"request_id":"[^"]*"', b"", found.content)
    return Answer(found.status_code, content, found.headers.get("ETag"))


def everything(on: Running, photo: bytes) -> dict[Question, Answer]:
    """Asked of a single process, which is at rest afterwards."""
    questions = [*_about_analyses(on, photo), *_about_jobs(on, photo), *_about_the_server(on)]
    # The archive has been told of all of them before this process ends.
    until(lambda: all(map(_told(on), on.engine.shelf.jobs)))
    return {one: answer(on.client, one) for one in questions}


def _told(on: Running):  # type: ignore[no-untyped-def]
    return lambda job: b'"state": "done"' in on.app.state.jobs._told[job.id]


def _about_analyses(on: Running, photo: bytes) -> Iterator[Question]:
    for model in (VIT, SE, *BUNDLED):
        seen = on.analyse(photo, model)
        here = f"/v1/analyses/{seen['id']}"
        yield Question(f"/v1/analyses?model={model}", photo, "image/png")
        for path in ("", "/image", "/image?format=jpeg&width=64", "/mask", "/sites/s99/gate"):
            yield Question(here + path)
        for site in seen["sites"][:2]:
            for view in site["views"]:
                yield Question(view["href"])
            yield Question(f"{here}/sites/{site['id']}/projections")
        for one in seen["maps"]:
            yield Question(one["href"])
        for name in ("gate", "entropy", "attention-matrix"):
            yield Question(f"{here}/figures/{name}")
    here = f"/v1/analyses/{on.analyse(photo, VIT)['id']}"
    for form in ("png", "npy", "safetensors", "csv", "webp"):
        yield Question(f"{here}/maps/relevance?target=3&format={form}")
    edit = Question(f"{here}/edits", EDITS)
    edited = json.loads(answer(on.client, edit).content)
    yield edit
    for path in ("", "/maps/rollout"):
        yield Question(f"/v1/analyses/{edited['id']}{path}")


def _about_jobs(on: Running, photo: bytes) -> Iterator[Question]:
    client, here = on.client, f"/v1/analyses/{on.analyse(photo, VIT)['id']}"
    measure = {"map": "rollout", "measure": "deletion", "steps": 4}
    photos = [("image", ("a.png", photo)), ("image", ("b", b"no"))]
    jobs = [
        client.post(f"{here}/sweeps", json={"over": "layers"}),
        client.post(f"{here}/evidence", json=measure),
        client.post("/v1/batches", files=photos, params={"model": VIT}),
    ]
    for sent in jobs:
        job = sent.json()["links"]["self"]
        until(lambda job=job: client.get(job).json()["state"] == "done")
        for address in (job, f"{job}/events", client.get(job).json()["result"]):
            yield Question(address)


def _about_the_server(on: Running) -> Iterator[Question]:
    for address in (
        "/v1/analyses/0123456789abcdef0123", f"/v1/models/{VIT}", "/v1/models", "/v1/jobs/none",
        "/healthz", "/readyz", "/openapi.json", "/problems/queue-full", "/", "/nothing/here",
        "/v1/models?lang=zh", "/v1/analyses/none?lang=zh",
    ):  # fmt: skip
        yield Question(address)
