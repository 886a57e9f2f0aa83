"""The catalogue on real files: the ViT-Ti where there is one, and a small hub on loopback."""

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import safetensors.torch
import torch

from fovea.models.catalog.catalog import Catalog, UnknownModel, bundled
from fovea.models.catalog.weights.weights import CorruptWeights, ModelNotLocal, fill, read
from fovea.models.kinds.attention.rows import fuse, rows
from fovea.models.networks.decoder import END, START
from fovea.models.preprocessing import blank, prepare
from fovea.models.running.inference import run
from fovea.models.running.tasks import task_of
from tests.real_weights import IMAGENET_VIT, real_weights

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def real() -> Catalog:
    return Catalog(real_weights())


@pytest.mark.real
def test_chelsea_is_an_egyptian_cat_and_attention_lies_on_her(real: Catalog) -> None:
    from skimage.data import chelsea

    loaded = real.load("vit_tiny_patch16_224")
    assert (loaded.spec.id, loaded.spec.source) == (IMAGENET_VIT, "local")
    pixels, geometry = prepare(torch.tensor(chelsea()).permute(2, 0, 1), loaded.spec.preprocessing)
    logits, (trace,) = run(loaded.module, pixels)
    probability, index = logits.softmax(-1)[0].max(0)
    assert loaded.spec.label(int(index)) == "Egyptian cat"
    assert float(probability) == pytest.approx(0.81, abs=0.02)
    # Her eyes and nose on the photo, (left, top, right, bottom). The last layers of this network
    # park attention on border patches, as ViTs without registers do; the middle ones look at her.
    features = [(130, 84, 212, 146), (290, 108, 345, 166), (229, 220, 290, 263)]
    for site in trace.sites[3:6]:
        row = fuse(rows(site.attention, torch.tensor([0])), "mean")[0, 1:]
        boxes = [geometry.cell_box(r, c, site.grid) for r in range(14) for c in range(14)]
        centres = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in boxes]
        on_her = torch.tensor(
            [any(a < x < c and b < y < d for a, b, c, d in features) for x, y in centres]
        )
        assert row[on_her].mean() > 1.25 * row.mean()


@pytest.mark.real
def test_rows_equal_the_unfused_network(real: Catalog) -> None:
    """Timm's own explicit path (fused attention off) is the reference for what was captured."""
    loaded = real.load(IMAGENET_VIT)
    x = torch.randn(1, 3, 224, 224)
    _, (fused,) = run(loaded.module, x)
    for block in loaded.module.blocks:
        block.attn.fused_attn = False
    _, (explicit,) = run(loaded.module, x)
    for a, b in zip(fused.sites, explicit.sites, strict=True):
        assert b.attention.probabilities is not None
        assert a.attention.probabilities is None
        assert (rows(a.attention) - b.attention.probabilities[0]).abs().max() < 1e-5
        assert (rows(a.attention).sum(-1) - 1).abs().max() < 1e-5


def test_unknown_models_list_known_ones() -> None:
    catalog = Catalog()
    with pytest.raises(UnknownModel, match="vit_tiny_patch16_224"):
        catalog.spec("vit_tiny_patch16_225")
    for name in ("../../etc/passwd", "", ".", "vit_tiny_patch16_224.no_such_tag", "a\0b"):
        with pytest.raises(UnknownModel):
            catalog.spec(name)


def test_search_finds_timm_names() -> None:
    found = Catalog().search("vit small dinov2", limit=5)
    assert found
    assert all("dinov2" in spec.id for spec in found)
    assert {spec.source for spec in found} == {"hub"}


def test_every_card_matches_its_file() -> None:
    for spec in bundled().values():
        loaded = Catalog().load(spec.id)
        assert loaded.spec.parameters == spec.parameters
        assert loaded.revision == spec.revision
        assert spec.labels is not None
        writes = task_of(spec.task).writes
        words = torch.tensor([[START]]) if writes else None
        given = blank(spec.preprocessing) if spec.preprocessing else torch.tensor([[END]])
        _, (trace,) = run(loaded.module, given, words=words)
        assert trace.sites


def test_damaged_files_are_named_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"weight": torch.ones(2, 3)}, path)
    good = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read(path, good)[1] == good
    with pytest.raises(CorruptWeights, match=r"net\.safetensors: checksum"):
        read(path, "0" * 64)
    path.write_bytes(b"\xff" * 7 + path.read_bytes()[7:])
    with pytest.raises(CorruptWeights, match="not a readable safetensors file"):
        read(path)


def test_wrong_shapes_and_names_are_named() -> None:
    module = torch.nn.Linear(3, 2)
    with pytest.raises(
        CorruptWeights, match=r"missing bias; unknown extra; wrong shape: weight is"
    ):
        fill(module, {"weight": torch.ones(2, 4), "extra": torch.ones(1)}, "net.safetensors")


def test_a_local_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{IMAGENET_VIT}.safetensors"
    safetensors.torch.save_file({"head.weight": torch.ones(1000, 192)}, path)
    with pytest.raises(CorruptWeights, match="does not fit"):
        Catalog(tmp_path).load(IMAGENET_VIT)


def test_offline_says_how_to_supply_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotLocal) as caught:
        Catalog(cache_dir=tmp_path, offline=True).load("vit_tiny_patch16_224")
    assert f"{IMAGENET_VIT}.safetensors" in caught.value.hint
    assert "FOVEA_WEIGHTS_DIR" in caught.value.hint
    assert not Catalog(cache_dir=tmp_path).local("vit_tiny_patch16_224")


UNREACHABLE = """
from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.weights.weights import ModelNotLocal
try:
    Catalog().load("vit_tiny_patch16_224.augreg_in21k")
except ModelNotLocal as error:
    print(error)
"""


def test_a_hub_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNREACHABLE],
        cwd=REPOSITORY,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "the hub did not supply them" in done.stdout, done.stderr
    assert "Retrying" not in done.stderr


class Hub(http.server.SimpleHTTPRequestHandler):
    """As much of the Hugging Face hub as a download of one file asks for."""

    def _headers(self, size: int, etag: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()

    def _file(self) -> bytes | None:
        if self.path != f"/timm/{IMAGENET_VIT}/resolve/main/model.safetensors":
            self.send_error(404)
            return None
        return (Path(self.directory) / "model.safetensors").read_bytes()

    def do_HEAD(self) -> None:
        if (body := self._file()) is not None:
            self._headers(len(body), hashlib.sha256(body).hexdigest())

    def do_GET(self) -> None:
        if (body := self._file()) is not None:
            self._headers(len(body), hashlib.sha256(body).hexdigest())
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


DOWNLOAD = """
import sys
from pathlib import Path
from fovea.models.catalog.catalog import Catalog
seen = []
catalog = Catalog(cache_dir=Path(sys.argv[1]))
assert not catalog.local("vit_tiny_patch16_224")
loaded = catalog.load("vit_tiny_patch16_224", progress=lambda *report: seen.append(report))
assert catalog.local("vit_tiny_patch16_224")
assert Catalog(cache_dir=Path(sys.argv[1]), offline=True).load("vit_tiny_patch16_224").revision
print(loaded.revision, seen[-1][0], seen[-1][1])
"""


def test_weights_come_from_the_hub_with_progress(tmp_path: Path) -> None:
    """The real download code against a hub on loopback.

    In a process of its own, because the hub library reads its address once, at import.
    """
    from fovea.models.catalog.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    import timm

    served = tmp_path / "hub"
    served.mkdir()
    file = served / "model.safetensors"
    safetensors.torch.save_file(timm.create_model("vit_tiny_patch16_224").state_dict(), file)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Hub, directory=str(served))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", DOWNLOAD, str(tmp_path / "cache")],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "HF_HUB_DISABLE_XET": "1",
            },
            capture_output=True,
            text=True,
            timeout=240,
        )
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    revision, received, total = done.stdout.split()
    assert revision == hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    assert int(received) == int(total) == file.stat().st_size


def test_a_name_that_begins_with_the_word_comes_before_one_that_holds_it() -> None:
    found = [spec.id for spec in Catalog(offline=True).search("swin", limit=200)]
    assert found[0].startswith("swin")
    within = [index for index, name in enumerate(found) if "abswin" in name]
    begun = [index for index, name in enumerate(found) if name.startswith("swin")]
    assert within
    assert max(begun) < min(within)


def test_a_translator_tells_the_words_that_it_reads_from_those_that_it_writes() -> None:
    from training.examples.grammar import source_words, vocabulary

    spec = bundled()["text_transformer"]
    assert spec.labels is not None
    assert spec.labels[4:] == vocabulary()
    assert spec.card["source_words"] == source_words()
