"""Downloads against a hub on loopback that breaks off, lies, forgets and is slow; real bytes."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fovea.models.catalog.weights import hub, transfer
from fovea.models.catalog.weights.weights import (
    CorruptWeights,
    DownloadStopped,
    ModelNotLocal,
    sha256,
)
from tests.hub import Hub, a_hub

REPOSITORY = "somebody/net"
BODY = np.random.default_rng(0).bytes(1_000_003)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with a_hub(monkeypatch) as it:
        it.files[REPOSITORY] = BODY
        yield it


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0,) * transfer.ATTEMPTS)


def leftovers(cache: Path) -> list[Path]:
    """What a cache holds besides finished files, their names and its own notes."""
    return [path for path in cache.rglob("*.incomplete") if path.is_file()]


def test_a_file_comes_whole_and_once(served: Hub, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = hub.fetch(REPOSITORY, tmp_path, progress=lambda *report: seen.append(report))
    assert path.read_bytes() == BODY
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert sorted(seen) == seen
    assert len(seen) > 3
    assert hub.fetch(REPOSITORY, tmp_path) == path == hub.cached(REPOSITORY, tmp_path)
    assert hub.announced_sha256(path) == hashlib.sha256(BODY).hexdigest()
    assert served.gets == [(REPOSITORY, None)]
    assert leftovers(tmp_path) == []


def test_a_broken_connection_is_taken_up_where_it_broke(served: Hub, tmp_path: Path) -> None:
    served.cuts = [300_000, 200_000]
    seen: list[int] = []
    path = hub.fetch(REPOSITORY, tmp_path, progress=lambda received, _: seen.append(received))
    assert path.read_bytes() == BODY
    assert served.gets == [
        (REPOSITORY, None), (REPOSITORY, "bytes=300000-"), (REPOSITORY, "bytes=500000-"),
    ]  # fmt: skip
    assert sorted(seen) == seen


def test_a_stopped_download_goes_on_another_time(served: Hub, tmp_path: Path) -> None:
    received = 0

    def progress(bytes_received: int, total: int | None) -> None:
        nonlocal received
        received = bytes_received

    with pytest.raises(DownloadStopped):
        hub.fetch(REPOSITORY, tmp_path, progress=progress, stopped=lambda: received > 100_000)
    (part,) = leftovers(tmp_path)
    kept = part.stat().st_size
    assert 100_000 < kept < len(BODY)
    assert hub.cached(REPOSITORY, tmp_path) is None
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY
    assert served.gets[-1] == (REPOSITORY, f"bytes={kept}-")


def test_a_hub_that_knows_no_ranges_sends_all_again(served: Hub, tmp_path: Path) -> None:
    served.cuts, served.takes_ranges = [300_000], False
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY
    assert served.gets[-1] == (REPOSITORY, "bytes=300000-")


@pytest.mark.parametrize("git", [False, True])
def test_what_was_not_announced_is_named_and_not_kept(
    served: Hub, tmp_path: Path, git: bool
) -> None:
    served.git, served.spoilt = git, True
    with pytest.raises(CorruptWeights) as caught:
        hub.fetch(REPOSITORY, tmp_path)
    message = str(caught.value)
    assert "net.safetensors: checksum" in message
    assert served.etag(BODY)[:12] in message
    assert served.etag(bytes(len(BODY)))[:12] in message
    assert leftovers(tmp_path) == []
    assert hub.cached(REPOSITORY, tmp_path) is None
    served.spoilt = False
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY


def test_a_part_of_another_file_is_found_out(served: Hub, tmp_path: Path) -> None:
    """Whatever came before the break is part of what is checked."""
    received: list[int] = []
    with pytest.raises(DownloadStopped):
        hub.fetch(
            REPOSITORY, tmp_path, progress=lambda n, _: received.append(n),
            stopped=lambda: bool(received) and received[-1] >= 300_000,
        )  # fmt: skip
    (part,) = leftovers(tmp_path)
    damaged = bytearray(part.read_bytes())
    damaged[7] ^= 1
    part.write_bytes(damaged)
    with pytest.raises(CorruptWeights, match="checksum"):
        hub.fetch(REPOSITORY, tmp_path)
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY


def test_a_damaged_file_of_the_cache_is_found_and_removed(served: Hub, tmp_path: Path) -> None:
    path = hub.fetch(REPOSITORY, tmp_path)
    assert hub.verify(REPOSITORY, tmp_path, sha256) == path
    path.resolve().write_bytes(BODY[:-1] + b"!")
    assert hub.verify(REPOSITORY, tmp_path, sha256) is None
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY


def test_a_blob_that_the_library_shares_between_models_is_no_damage(
    served: Hub, tmp_path: Path
) -> None:
    """The library moves blobs to a store with names of another kind and leaves a link."""
    path = hub.fetch(REPOSITORY, tmp_path)
    blob = path.resolve()
    blob.replace(tmp_path / ("a" * 64))
    blob.symlink_to(tmp_path / ("a" * 64))
    assert hub.announced_sha256(path) == hashlib.sha256(BODY).hexdigest()
    assert hub.verify(REPOSITORY, tmp_path, sha256) == path
    (tmp_path / ("a" * 64)).write_bytes(b"damaged")
    assert hub.verify(REPOSITORY, tmp_path, sha256) is None
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY


def test_a_busy_hub_is_asked_again(served: Hub, tmp_path: Path) -> None:
    served.refusals = [503, 429]
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY
    assert len(served.gets) == 3


def test_a_hub_that_keeps_failing_is_given_up_and_the_part_kept(
    served: Hub, tmp_path: Path
) -> None:
    served.cuts = [200_000] + [0] * transfer.ATTEMPTS
    with pytest.raises(ModelNotLocal, match=r"did not supply them .*broke off") as caught:
        hub.fetch(REPOSITORY, tmp_path)
    assert "FOVEA_WEIGHTS_DIR" in caught.value.hint
    assert [part.stat().st_size for part in leftovers(tmp_path)] == [200_000]
    assert len(served.gets) == 1 + transfer.ATTEMPTS


def test_a_repository_that_is_not_there_is_told_with_the_hubs_answer(
    served: Hub, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotLocal, match=r"did not supply them \(it answered 404\)"):
        hub.fetch("somebody/else", tmp_path)


def test_two_at_once_are_one_download(served: Hub, tmp_path: Path) -> None:
    served.flows.clear()
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(hub.fetch(REPOSITORY, tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    served.flows.set()
    for thread in threads:
        thread.join(30)
    assert [path.read_bytes() == BODY for path in found] == [True, True]
    assert served.gets == [(REPOSITORY, None)]


def test_large_files_come_from_a_store_that_is_not_told_the_token(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    served.elsewhere, served.cuts = True, [300_000]
    assert hub.fetch(REPOSITORY, tmp_path).read_bytes() == BODY
    assert served.gets == [(REPOSITORY, None), (REPOSITORY, "bytes=300000-")]
    told = {(name, token is not None) for name, token in served.tokens}
    assert told == {("127.0.0.1", True), ("localhost", False)}
