"""A restart, eviction or another instance loses nothing: a folder as the photo store."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest

from fovea.server.settings import Settings
from tests.server.conftest import SE, VIT, OneNetwork, Running, running, until

Picture = Callable[[int], bytes]
Start = Callable[..., Any]

ASKED = (
    "", "/image", "/sites/s00/attention?query=1,2&head=0&format=npy",
    "/sites/s00/attention?query=cls&format=png", "/maps/rollout?format=npy",
    "/maps/relevance?target=3&format=npy", "/sites/s00/steps?query=cls", "/figures/entropy",
)  # fmt: skip
"""One address of every kind."""


@pytest.fixture
def start(weights_dir: Path, tmp_path: Path) -> Start:
    """Starts a server on the store of this test, ready: of one tiny network, or of real ones."""

    @contextmanager
    def started(real: bool = False, **settings: Any) -> Iterator[Running]:
        networks = None
        given = {"offline": True, "photo_store": f"file://{tmp_path}/store", **settings}
        if real:
            given |= {"weights_dir": weights_dir, "default_model": VIT}
        else:
            networks = OneNetwork()
            networks.network.open.set()
            given |= {"default_model": OneNetwork.ID}
        with running(Settings(**given), networks) as on:
            until(lambda: on.client.get("/readyz").status_code == 200)
            yield on

    return started


def look(on: Running, photo: bytes) -> dict[str, Any]:
    return on.analyse(photo, on.engine.settings.default_model or "")


def answers(on: Running, id: str) -> dict[str, bytes]:
    found = {}
    for path in ASKED:
        response = on.client.get(f"/v1/analyses/{id}{path}")
        assert response.status_code == 200, (path, response.text)
        found[path] = response.content + response.headers["ETag"].encode()
    return found


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("/problems/")


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_after_a_restart_every_answer_is_the_same(start: Start, picture: Picture) -> None:
    with start(real=True) as on:
        seen = on.analyse(picture(1))
        edits = {"edits": [{"edit": "off", "site": "s00", "heads": [0]}]}
        edited = on.client.post(f"/v1/analyses/{seen['id']}/edits", json=edits).json()
        before, changed = answers(on, seen["id"]), answers(on, edited["id"])
        assert json.loads(changed[""].rpartition(b'"')[0].rpartition(b'"')[0])["change"]
    with start(real=True) as on:
        assert len(on.engine.store) == 0
        assert answers(on, edited["id"]) == changed
        assert answers(on, seen["id"]) == before
        assert on.analyse(picture(1)) == seen
        tag = before[""][before[""].rindex(b"}") + 1 :].decode()
        same = on.client.get(f"/v1/analyses/{seen['id']}", headers={"If-None-Match": tag})
        assert same.status_code == 304


def test_what_made_room_is_made_again(start: Start, picture: Picture) -> None:
    with start(real=True, trace_budget_bytes=1) as on:
        first, second = on.analyse(picture(1)), on.analyse(picture(2), SE)
        for _ in range(2):
            for one in (first, second):
                answer = on.client.get(f"/v1/analyses/{one['id']}/sites/s00/{_first(one)}")
                assert answer.status_code == 200
        assert on.app.state.recall.made_again == 4


def _first(analysis: dict[str, Any]) -> str:
    return "gate" if analysis["model"] == SE else "attention"


def test_two_instances_give_one_id_and_know_each_others(start: Start, picture: Picture) -> None:
    with start(real=True) as one, start(real=True) as other:
        seen = one.analyse(picture(1))
        assert answers(other, seen["id"]) == answers(one, seen["id"])
        assert other.analyse(picture(1))["id"] == seen["id"]


def test_what_its_maker_forgets_is_gone_everywhere(
    start: Start, picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fovea.server.engine.recall.BELIEVED_S", 0.0)
    with start() as on:
        sent = on.client.post("/v1/analyses", content=picture(1))
        here, key = sent.headers["Location"], sent.headers["Fovea-Key"]
        stored = files(tmp_path / "store")
        assert not any(key in name or key in (tmp_path / "store" / name).read_text("latin-1")
                       for name in stored)  # fmt: skip
    with start() as on, start() as other:
        assert other.client.get(here).status_code == 200
        with httpx.Client(base_url=on.url) as stranger:
            assert problem(stranger.delete(here)) == (403, "not-yours")
        assert on.client.delete(here, headers={"Fovea-Key": key}).status_code == 204
        assert files(tmp_path / "store") == ["README", "secret"]
        for one in (on, other):
            assert problem(one.client.get(here)) == (404, "unknown-analysis")
            assert problem(one.client.delete(here)) == (404, "unknown-analysis")


def test_one_of_two_makers_does_not_forget_for_the_other(
    start: Start, picture: Picture, tmp_path: Path
) -> None:
    keys = [f"{number:032x}" for number in (1, 2)]
    with start() as on:
        for key in keys:
            sent = on.client.post("/v1/analyses", content=picture(1), headers={"Fovea-Key": key})
        here = sent.headers["Location"]
    with start() as on:
        assert on.client.delete(here, headers={"Fovea-Key": keys[0]}).status_code == 204
        assert on.client.get(here).status_code == 200
        assert problem(on.client.delete(here, headers={"Fovea-Key": keys[0]})) == (403, "not-yours")
        assert on.client.delete(here, headers={"Fovea-Key": keys[1]}).status_code == 204
        assert problem(on.client.get(here)) == (404, "unknown-analysis")


def test_a_photo_stays_for_as_long_as_a_network_needs_it(
    start: Start, picture: Picture, tmp_path: Path
) -> None:
    with start(real=True) as on:
        first, second = (
            on.client.post(f"/v1/analyses?model={model}", content=picture(1)) for model in (VIT, SE)
        )
        for sent, left in ((first, 1), (second, 0)):
            key = {"Fovea-Key": sent.headers["Fovea-Key"]}
            assert on.client.delete(sent.headers["Location"], headers=key).status_code == 204
            assert len(list(tmp_path.glob("store/photos/*/photo.png"))) == left


def test_a_sentence_is_read_again(start: Start) -> None:
    body = {"model": "text_transformer", "text": ""}
    with start(real=True) as on:
        body["text"] = "the cat sees the big dog"
        sent = on.client.post("/v1/analyses", json=body)
        assert sent.status_code == 201, sent.text
        before = on.client.get(sent.headers["Location"]).content
    with start(real=True) as on:
        assert on.client.get(sent.headers["Location"]).content == before


def test_making_again_is_bounded(weights_dir: Path, tmp_path: Path, picture: Picture) -> None:
    settings = Settings(
        default_model=OneNetwork.ID, queue_size=2, trace_budget_bytes=1,
        photo_store=f"file://{tmp_path}/store",
    )  # fmt: skip
    networks = OneNetwork()
    networks.network.open.set()
    with running(settings, networks) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        ids = [on.analyse(picture(n), OneNetwork.ID)["id"] for n in range(3)]
        networks.network.open.clear()
        with httpx.Client(base_url=on.url, timeout=0.5) as leaves:
            for id in ids[:2]:
                with pytest.raises(httpx.ReadTimeout):
                    leaves.get(f"/v1/analyses/{id}/image")
        # Who left is not worked for any more.
        until(lambda: not on.engine.admitted)
        networks.network.open.set()
        assert on.client.get(f"/v1/analyses/{ids[0]}/image").status_code == 200
        networks.network.open.clear()
        with on.engine.places.one(), on.engine.places.one():
            busy = on.client.get(f"/v1/analyses/{ids[1]}/image")
        assert problem(busy) == (429, "queue-full")
        assert busy.headers["Retry-After"]
        networks.network.open.set()
        until(lambda: on.engine.work.held == 0)


def test_too_old_and_too_much_goes(start: Start, picture: Picture, tmp_path: Path) -> None:
    store = tmp_path / "store"

    def sweep(on: Running) -> None:
        import asyncio

        on.app.state.sweep = asyncio.run_coroutine_threadsafe(
            on.engine.archive.sweep(), on.engine._warm_up.get_loop()
        ).result(30)

    with start(trace_budget_bytes=1, photo_store_bytes=1 << 20) as on:
        first, second, third = (look(on, picture(n)) for n in range(3))
        photos = sorted(store.glob("photos/*/photo.png"), key=lambda path: path.stat().st_mtime)
        assert len(photos) == 3
        with photos[0].open("ab") as file:
            file.truncate(1 << 20)
        for when, path in enumerate(sorted(photos, key=lambda p: p.stat().st_mtime)):
            _aged(path.parent, time() - 1000 + when)
        _aged(photos[0].parent, time() - 2000)
        sweep(on)
        gone = [one for one in (first, second, third)
                if on.client.get(f"/v1/analyses/{one['id']}").status_code == 410]  # fmt: skip
        assert len(gone) == 1
        assert len(list(store.glob("photos/*"))) == 2
    with start(keep_s=500.0) as on:
        sweep(on)
        assert files(store) == sorted(
            name for name in files(store) if name.startswith(("README", "secret", "analyses/"))
        )


def _aged(folder: Path, when: float) -> None:
    import os

    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (when, when))


def test_another_set_of_weights_is_not_the_same_analysis(
    tmp_path: Path, picture: Picture, weights_dir: Path
) -> None:
    first = OneNetwork()
    first.network.open.set()
    settings = Settings(default_model=OneNetwork.ID, photo_store=f"file://{tmp_path}/store")
    with running(settings, first) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        seen = on.analyse(picture(1), OneNetwork.ID)

    class Others(OneNetwork):
        def load(self, *given: Any, **named: Any) -> Any:
            from dataclasses import replace

            return replace(super().load(*given, **named), revision="1")

    second = Others()
    second.network.open.set()
    with running(settings, second) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        gone = on.client.get(f"/v1/analyses/{seen['id']}")
        assert problem(gone) == (410, "analysis-gone")
        assert "has changed" in gone.json()["detail"]


def test_a_damaged_store_is_named(start: Start, picture: Picture, tmp_path: Path) -> None:
    with start() as on:
        seen, other = look(on, picture(1)), look(on, picture(2))
    (photo,) = (p for p in (tmp_path / "store").glob("photos/*/photo.png")
                if (p.parent / "of" / seen["id"]).exists())  # fmt: skip
    photo.write_bytes(photo.read_bytes()[:500])
    (tmp_path / "store" / "analyses" / other["id"] / "record.json").write_text('{"form": 1}')
    with start() as on:
        assert problem(on.client.get(f"/v1/analyses/{seen['id']}")) == (410, "analysis-gone")
        assert problem(on.client.get(f"/v1/analyses/{other['id']}")) == (404, "unknown-analysis")
        assert look(on, picture(1))["id"] == seen["id"]
    photo.write_bytes(b"")
    with start() as on:
        look(on, picture(2))
        assert on.client.get(f"/v1/analyses/{other['id']}").status_code == 200


@pytest.mark.parametrize(
    ("address", "said"),
    [("/srv/fovea", "file:///srv/fovea"), ("nothing://x", "nothing://x"),
     ("file:///proc/nowhere", "cannot write")],
)  # fmt: skip
def test_an_address_that_cannot_be_used_stops_the_start(address: str, said: str) -> None:
    from fovea.server.app import create_app
    from fovea.server.settings import SettingsError, load

    with pytest.raises(SettingsError, match=said):
        create_app(load(photo_store=address))


def test_a_store_that_does_not_answer(start: Start, picture: Picture, tmp_path: Path) -> None:
    with start() as on:
        seen = look(on, picture(1))
        store = tmp_path / "store"
        store.rename(tmp_path / "away")
        store.write_text("no folder")
        down = on.client.post("/v1/analyses", content=picture(2))
        assert problem(down) == (503, "store-unavailable")
        assert down.headers["Retry-After"]
        assert on.client.get(f"/v1/analyses/{seen['id']}/image").status_code == 200
        store.unlink()
        (tmp_path / "away").rename(store)
        assert look(on, picture(2))
