"""The client against a real server: photos to it, pictures, numbers and problems from it."""

import asyncio
import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fovea.client import AsyncClient, Client, Problem, Unreachable, off
from fovea.client.asking import retry_after
from tests.client.busy import narrow
from tests.server.conftest import (
    VIT,
    OneNetwork,
    Running,
    analysis,
    picture,
    serve,
    site,
    until,
    weights_dir,
)

__all__ = ["analysis", "narrow", "picture", "serve", "site", "weights_dir"]  # fixtures

Picture = Callable[[int], bytes]


@pytest.fixture
def photo(tmp_path: Path, picture: Picture) -> Path:
    path = tmp_path / "noise.png"
    path.write_bytes(picture(0))
    return path


def test_a_photo_its_maps_and_its_end(site: Running, photo: Path) -> None:
    with Client(site.url) as fovea:
        assert VIT in [one["id"] for one in fovea.models()]
        seen = fovea.analyse(photo, model=VIT)
        assert fovea.analyse(photo.read_bytes(), model=VIT).id == seen.id
        row = seen.site("s00").attention(query=(1, 2), head=0)
        direct = site.client.get(f"/v1/analyses/{seen.id}/sites/s00/attention?query=1,2&head=0")
        told = row.json()
        assert told == direct.json()
        assert row.values().tolist() == pytest.approx(np.array(told["values"]))
        drawn = seen.map("relevance", target=3)
        assert drawn.overlay(width=100).size == (100, 60)
        with Image.open(io.BytesIO(drawn.png(render="heatmap"))) as picture:
            assert picture.format == "PNG"
        edited = seen.edit(off("s00", heads=[0]))
        assert edited.body["of"] == seen.id
        assert fovea.analysis(edited.id).id == edited.id
        edited.forget()
        with pytest.raises(Problem) as gone:
            fovea.analysis(edited.id)
        assert (gone.value.slug, gone.value.status) == ("unknown-analysis", 404)


def test_the_same_on_an_event_loop(site: Running, photo: Path) -> None:
    async def ask() -> None:
        async with AsyncClient(site.url) as fovea:
            seen = await fovea.analyse(photo, model=VIT)
            row = await seen.site("s00").attention(query="cls").values()
            assert row.shape == (10, 10)
            assert (await seen.map("rollout").overlay()).size == (200, 120)
            with pytest.raises(Problem) as refused:
                await seen.map("rolout").json()
            assert refused.value.slug == "unknown-map"
            batch = await fovea.batch([photo, b"no photo"], model=VIT)
            first, second = await batch.wait()
            assert (first.name, first.analysis) == ("noise.png", seen.id)
            assert second.problem is not None
            assert second.problem.slug == "unsupported-format"

    asyncio.run(ask())


def test_a_problem_has_its_slug_its_detail_and_its_hint(site: Running, photo: Path) -> None:
    with Client(site.url) as fovea:
        with pytest.raises(Problem) as refused:
            fovea.analyse(photo, model="no-such-model")
        assert refused.value.slug == "unknown-model"
        assert "no-such-model" in refused.value.detail
        assert refused.value.hint
        with pytest.raises(Problem, match="none of the accepted formats"):
            fovea.analyse(b"this is no photo", model=VIT)


def test_a_job_is_followed_to_its_end(site: Running, photo: Path) -> None:
    told: list[dict[str, Any]] = []
    with Client(site.url) as fovea:
        seen = fovea.batch([photo] * 3).wait(told.append)
        assert [one.problem for one in seen] == [None] * 3
    assert (told[-1]["state"], told[-1]["done"], told[-1]["total"]) == ("done", 3, 3)


def test_a_full_queue_is_waited_out(narrow: tuple[Running, OneNetwork], picture: Picture) -> None:
    on, catalog = narrow
    with Client(on.url) as first, Client(on.url) as second, Client(on.url, patience_s=0) as hasty:
        holds = threading.Thread(target=first.analyse, args=(picture(1),))
        holds.start()
        until(lambda: on.engine.admitted)
        with pytest.raises(Problem) as refused:
            hasty.analyse(picture(2))
        assert (refused.value.slug, refused.value.status) == ("queue-full", 429)
        before = on.engine.places.refused
        opening = threading.Thread(
            target=lambda: (
                until(lambda: on.engine.places.refused > before),
                catalog.network.open.set(),
            )
        )
        opening.start()
        assert second.analyse(picture(2)).id
        assert on.engine.places.refused > before
        holds.join()
        opening.join()


def test_a_full_queue_is_waited_out_on_an_event_loop(
    narrow: tuple[Running, OneNetwork], picture: Picture
) -> None:
    on, catalog = narrow

    async def ask() -> None:
        async with (
            AsyncClient(on.url) as first,
            AsyncClient(on.url) as second,
            AsyncClient(on.url, patience_s=0) as hasty,
        ):
            holds = asyncio.create_task(first.analyse(picture(1)))
            while not on.engine.admitted:
                await asyncio.sleep(0.01)
            with pytest.raises(Problem) as refused:
                await hasty.analyse(picture(2))
            assert (refused.value.slug, refused.value.status) == ("queue-full", 429)
            before = on.engine.places.refused
            waits = asyncio.create_task(second.analyse(picture(2)))
            while on.engine.places.refused == before:
                await asyncio.sleep(0.01)
            assert not waits.done()  # Retry-After is a second at least.
            catalog.network.open.set()
            assert (await waits).id != (await holds).id

    asyncio.run(ask())


def test_the_token_is_sent(serve: Any) -> None:
    token = "0123456789abcdef"
    on = serve(token=token)
    with Client(on.url, token) as fovea:
        assert fovea.models()
    with Client(on.url) as stranger, pytest.raises(Problem, match="token"):
        stranger.models()


def test_nobody_there_is_told_in_words() -> None:
    with Client("http://127.0.0.1:9") as fovea, pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        fovea.models()


def test_without_httpx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import fovea.client

    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ImportError, match=r"fovea-microscope\[client\]"):
        _ = fovea.client.__getattr__("Client")


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("0", 0.1), (None, None), ("soon", None)]
)
def test_when_to_come_back(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.1
