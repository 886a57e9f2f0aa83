"""Weights in several files: from a hub on loopback that breaks off and lies, and from a folder."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.weights import hub, shards, transfer
from fovea.models.catalog.weights.weights import (
    CorruptWeights,
    DownloadStopped,
    ModelNotLocal,
    sha256,
)
from tests.hub import COMMIT, Hub, a_hub
from tests.models.sharded import INDEX, cut

REPOSITORY = "somebody/large"
COUNT = 3
TENSORS = {
    f"layer.{number}": torch.randn(80, 1000 + number, generator=torch.Generator().manual_seed(7))
    for number in range(7)
}
FILES = cut(TENSORS, COUNT)
SHARDS = sorted(name for name in FILES if name != INDEX)
TOTAL = sum(len(FILES[name]) for name in SHARDS)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0,) * transfer.ATTEMPTS)
    with a_hub(monkeypatch) as it:
        it.files |= {f"{REPOSITORY}/{name}": body for name, body in FILES.items()}
        yield it


def asked(served: Hub) -> list[tuple[str, str | None]]:
    """(file, Range) of each GET for a file of the repository."""
    return [(key.removeprefix(f"{REPOSITORY}/"), piece) for key, piece in served.gets]


def same(found: dict[str, Tensor]) -> bool:
    return found.keys() == TENSORS.keys() and all(
        torch.equal(found[key], TENSORS[key]) for key in TENSORS
    )


def test_a_set_comes_whole_once_and_is_one_download(served: Hub, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = hub.fetch(REPOSITORY, tmp_path, progress=lambda *report: seen.append(report))
    assert path.name == INDEX
    assert path.parent.name == COMMIT, "the files are those of one commit"
    tensors, checksum = shards.read(path, hub.announced_sha256)
    assert same(tensors)
    digests = [hashlib.sha256(FILES[name]).hexdigest() for name in SHARDS]
    assert checksum == hashlib.sha256("\n".join(digests).encode()).hexdigest()
    assert {total for _, total in seen} == {TOTAL}
    assert seen[0] == (0, TOTAL)
    assert seen[-1] == (TOTAL, TOTAL)
    assert sorted(seen) == seen
    assert len({received for received, _ in seen}) > COUNT + 1, "progress inside the files too"
    assert asked(served) == [(name, None) for name in (INDEX, *SHARDS)]
    assert hub.fetch(REPOSITORY, tmp_path) == path == hub.cached(REPOSITORY, tmp_path)
    assert len(served.gets) == 1 + COUNT
    assert shards.size_bytes(path) == TOTAL


def test_a_stopped_set_goes_on_where_it_stopped(served: Hub, tmp_path: Path) -> None:
    first = len(FILES[SHARDS[0]])
    received = 0

    def progress(now: int, total: int | None) -> None:
        nonlocal received
        received = now

    with pytest.raises(DownloadStopped):
        hub.fetch(
            REPOSITORY, tmp_path, progress=progress, stopped=lambda: received > first + 100_000
        )
    assert hub.cached(REPOSITORY, tmp_path) is None
    (part,) = (path for path in tmp_path.rglob("*.incomplete") if path.is_file())
    kept = part.stat().st_size
    served.gets.clear()
    reports: list[int] = []
    path = hub.fetch(REPOSITORY, tmp_path, progress=lambda now, _: reports.append(now))
    assert same(shards.read(path, hub.announced_sha256)[0])
    assert asked(served) == [(SHARDS[1], f"bytes={kept}-"), (SHARDS[2], None)]
    assert first + kept in reports, "what is here already counts"
    assert sorted(reports) == reports


def test_a_broken_connection_is_taken_up_in_its_file(served: Hub, tmp_path: Path) -> None:
    served.cuts = [10**9, 10**9, 200_000]  # the index and the first file pass
    path = hub.fetch(REPOSITORY, tmp_path)
    assert same(shards.read(path)[0])
    assert asked(served)[2:4] == [(SHARDS[1], None), (SHARDS[1], "bytes=200000-")]


def test_a_file_that_was_not_announced_is_named_and_not_kept(served: Hub, tmp_path: Path) -> None:
    lying = f"{REPOSITORY}/{SHARDS[1]}"
    hub_etag, served.etag = (
        served.etag,
        lambda body: (  # type: ignore[method-assign]
            "0" * 64 if body == served.files[lying] else hub_etag(body)
        ),
    )
    with pytest.raises(CorruptWeights, match=rf"large, {SHARDS[1]}: checksum .* announced 000000"):
        hub.fetch(REPOSITORY, tmp_path)
    assert hub.cached(REPOSITORY, tmp_path) is None
    served.etag = hub_etag  # type: ignore[method-assign]
    served.gets.clear()
    assert same(shards.read(hub.fetch(REPOSITORY, tmp_path))[0])
    assert asked(served) == [(name, None) for name in SHARDS[1:]], "the sound file is kept"


def test_a_damaged_file_of_the_cache_alone_is_fetched_again(served: Hub, tmp_path: Path) -> None:
    path = hub.fetch(REPOSITORY, tmp_path)
    assert hub.verify(REPOSITORY, tmp_path, sha256) == path
    (path.parent / SHARDS[2]).resolve().write_bytes(b"damaged")
    with pytest.raises(CorruptWeights, match=rf"{SHARDS[2]}: checksum"):
        shards.read(path, hub.announced_sha256)
    assert hub.verify(REPOSITORY, tmp_path, sha256) is None
    assert hub.cached(REPOSITORY, tmp_path) is None
    served.gets.clear()
    assert same(shards.read(hub.fetch(REPOSITORY, tmp_path), hub.announced_sha256)[0])
    assert asked(served) == [(SHARDS[2], None)]


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
    assert [same(shards.read(path)[0]) for path in found] == [True, True]
    assert sorted(asked(served)) == sorted((name, None) for name in FILES)


def test_an_index_that_leads_elsewhere_is_refused(served: Hub, tmp_path: Path) -> None:
    for name in ("../../../../secret.safetensors", "/etc/passwd", "sub/model.safetensors", "w.bin"):
        served.files[f"{REPOSITORY}/{INDEX}"] = json.dumps({"weight_map": {"a": name}}).encode()
        with pytest.raises(CorruptWeights, match=r"index\.json names '"):
            hub.fetch(REPOSITORY, tmp_path / "cache")
    for body in (
        b"",
        b"[]",
        b'{"weight_map": 3}',
        b'{"weight_map": {}}',
        b'{"weight_map": {"a":1}}',
    ):
        served.files[f"{REPOSITORY}/{INDEX}"] = body
        with pytest.raises(CorruptWeights, match=r"index\.json"):
            hub.fetch(REPOSITORY, tmp_path / "cache")


def test_a_repository_with_neither_is_told_with_the_hubs_answer(
    served: Hub, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotLocal, match=r"did not supply them \(it answered 404\)"):
        hub.fetch("somebody/else", tmp_path)
    del served.files[f"{REPOSITORY}/{SHARDS[1]}"]
    with pytest.raises(ModelNotLocal, match=r"did not supply them \(it answered 404\)"):
        hub.fetch(REPOSITORY, tmp_path)
    with pytest.raises(ModelNotLocal, match="downloads are switched off"):
        hub.fetch(REPOSITORY, tmp_path, offline=True)


# In a folder -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, body in FILES.items():
        (tmp_path / name).write_bytes(body)
    return tmp_path


def test_a_set_of_a_folder_is_read(folder: Path) -> None:
    assert same(shards.read(folder / INDEX)[0])
    tensors, checksum = shards.read(folder / SHARDS[0])
    assert tensors.keys() < TENSORS.keys()
    assert checksum == sha256(folder / SHARDS[0])


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda home: (home / SHARDS[0]).unlink(), f"names {SHARDS[0]}, not there"),
        (
            lambda home: save_file({"layer.0": torch.ones(1)}, home / SHARDS[1]),
            "layer.0 is in two files",
        ),
        (
            lambda home: save_file({"other": torch.ones(1)}, home / SHARDS[2]),
            r"layer\.2 is not in model-00003",
        ),
        (lambda home: (home / SHARDS[1]).write_bytes(b"nothing"), "not a readable safetensors"),
        (lambda home: (home / INDEX).write_text("{"), "no index of weights"),
    ],
)
def test_a_set_that_does_not_hold_together_is_refused(
    folder: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(folder)
    with pytest.raises(CorruptWeights, match=complaint):
        shards.read(folder / INDEX)


# Through the catalogue ---------------------------------------------------------------------------

BUILDER = 'builder = "timm:test_vit"\n'


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    from fovea.models.catalog import timm_zoo

    torch.manual_seed(3)
    return timm_zoo.create("test_vit", {}).eval()


def test_the_model_folder_names_an_index(tmp_path: Path, network: torch.nn.Module) -> None:
    for name, body in cut(network.state_dict(), 4).items():
        (tmp_path / name).write_bytes(body)
    (tmp_path / "mine.toml").write_text(f'{BUILDER}weights = "{INDEX}"\n')
    catalog = Catalog(models_dir=tmp_path, offline=True)
    spec = catalog.spec("mine")
    assert spec.reason is None
    assert catalog.local("mine")
    size = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    assert spec.size_bytes == size
    loaded = catalog.load("mine")
    photo = torch.randn(1, 3, 160, 160)
    with torch.inference_mode():
        assert torch.equal(loaded.module(photo), network(photo))
    assert loaded.spec.size_bytes == size
    reports: list[tuple[int, int | None]] = []
    assert catalog.download("mine", lambda *report: reports.append(report)) is None
    assert reports == [(size, size)]


def test_an_index_whose_files_are_not_there_is_a_mistake_with_its_line(
    tmp_path: Path, network: torch.nn.Module
) -> None:
    files = cut(network.state_dict(), 2)
    (tmp_path / INDEX).write_bytes(files[INDEX])
    (tmp_path / "mine.toml").write_text(f'{BUILDER}weights = "{INDEX}"\n')
    (complaint,) = Catalog(models_dir=tmp_path, offline=True).complaints()
    assert complaint == (
        "mine.toml, line 2: weights: model.safetensors.index.json names "
        "model-00001-of-00002.safetensors, model-00002-of-00002.safetensors, and that is not "
        "beside it"
    )
    (tmp_path / INDEX).write_text('{"weight_map": {"a": "../b.safetensors"}}')
    (complaint,) = Catalog(models_dir=tmp_path, offline=True).complaints()
    assert "line 2: weights: model.safetensors.index.json names '../b.safetensors'" in complaint


def test_a_model_of_the_folder_whose_set_is_on_the_hub(
    served: Hub, tmp_path: Path, network: torch.nn.Module
) -> None:
    for name, body in cut(network.state_dict(), 3).items():
        served.files[f"{REPOSITORY}/{name}"] = body
    (tmp_path / "mine.toml").write_text(f'{BUILDER}weights = "hub:{REPOSITORY}"\n')
    catalog = Catalog(models_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert not catalog.local("mine")
    loaded = catalog.load("mine")
    photo = torch.randn(1, 3, 160, 160)
    with torch.inference_mode():
        assert torch.equal(loaded.module(photo), network(photo))
    assert catalog.local("mine")
    assert Catalog(models_dir=tmp_path, cache_dir=tmp_path / "cache", offline=True).local("mine")
