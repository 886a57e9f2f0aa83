"""A folder of models: what the page shows works, and every mistake is told with its line."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from models import folder, model_file, timm_zoo
from models.catalog import Catalog, UnknownModel, bundled
from models.inference import run
from models.preprocessing import prepare
from models.weights import (
    CorruptWeights,
    InvalidModelFile,
    ModelNotLocal,
    UnsafeCheckpoint,
    UnusableNetwork,
)
from tests.hub import a_hub

PAGE = Path(__file__).parents[2] / "docs" / "models-folder.md"

PREPROCESSING = "\n[preprocessing]\nsize = 32\nmean = 0.5\nstd = 0.5\n"

FACTORY = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, channels=1):
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, stride=8)
        self.second = nn.Linear(8, classes)

    def forward(self, photos):
        found = self.first(photos).flatten(2).transpose(1, 2)
        seen = nn.functional.scaled_dot_product_attention(found, found, found)
        return self.second(seen.mean(1))

def make(classes, channels=1):
    return Net(classes, channels)

def broken():
    raise OSError("no such thing: /home/somebody/secret.txt")

def number():
    return 7
"""


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's own that can be imported."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "my_nets_of_a_test.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(code)
    yield __import__("my_nets_of_a_test")
    sys.modules.pop("my_nets_of_a_test", None)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Catalog]:
    """Writes a description and its weights; gives the catalogue with that folder."""
    home = tmp_path / "models"
    home.mkdir()

    def write(name: str, text: str, network: nn.Module | None = None) -> Catalog:
        (home / f"{name}.toml").write_text(dedent(text), encoding="utf-8")
        if network is not None:
            state = {key: value.clone() for key, value in network.state_dict().items()}
            save_file(state, home / f"{name}.safetensors")
        return Catalog(models_dir=home, offline=True)

    return write


def example() -> str:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_what_the_page_shows_works(put: Callable[..., Catalog]) -> None:
    network = timm_zoo.create("vit_tiny_patch16_224", {"num_classes": 5}).eval()
    catalog = put("flowers", example(), network)
    spec = catalog.spec("flowers")
    assert spec.reason is None
    assert (spec.title, spec.source, spec.task) == ("Five flowers", "local", "classification")
    assert [row.id for row in catalog.listed()] == ["flowers", *bundled()]
    loaded = catalog.load("flowers")
    assert loaded.spec.label(4) == "tulip"
    photo = torch.randn(1, 3, 224, 224)
    logits, (trace,) = run(loaded.module, photo, loaded.layouts)
    with torch.inference_mode():
        assert torch.equal(logits, network(photo))
    assert len(trace.sites) == 12
    assert trace.sites[0].grid is not None


def test_the_page_has_every_key_and_every_choice() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for key in (*model_file.TOP, *model_file.PREPROCESSING):
        assert f"`{key}`" in page or f"`[{key}]`" in page, key
    for choice in (*model_file.TASKS, *model_file.CROPS, *model_file.INTERPOLATIONS):
        assert f"`{choice}`" in page, choice


def test_timms_own_preprocessing_is_taken_where_none_is_given(
    put: Callable[..., Catalog],
) -> None:
    network = timm_zoo.create("test_vit", {})
    spec = put(
        "small",
        'builder = "timm:test_vit"\nweights = "small.safetensors"\n'
        '[preprocessing]\ncrop = "squash"\n',
        network,
    ).spec("small")
    assert spec.reason is None
    assert spec.preprocessing is not None
    assert spec.preprocessing.crop_px == (160, 160)
    assert spec.preprocessing.fit == "squash"
    assert spec.preprocessing.resize_px == timm_zoo.preprocessing("test_vit").resize_px


def test_a_function_of_ones_own(put: Callable[..., Catalog], own_code: Any, tmp_path: Path) -> None:
    network = own_code.make(classes=3)
    (tmp_path / "models" / "names.txt").write_text("eins\nzwei\ndrei\n")
    catalog = put(
        "mine",
        'builder = "my_nets_of_a_test:make"\nweights = "mine.safetensors"\nlabels = "names.txt"\n'
        f"[arguments]\nclasses = 3\n{PREPROCESSING}",
        network,
    )
    loaded = catalog.load("mine")
    assert type(loaded.module) is own_code.Net
    assert loaded.spec.labels == ("eins", "zwei", "drei")
    logits, (trace,) = run(loaded.module, torch.zeros(1, 1, 32, 32), loaded.layouts)
    assert logits.shape == (1, 3)
    assert [site.kind for site in trace.sites] == ["attention"]


TRANSFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 64,
    "patch_size": 16,
}


@pytest.mark.parametrize("name", ["ViTForImageClassification", "vit", "ViTModel"])
def test_transformers_by_class_and_by_type(put: Callable[..., Catalog], name: str) -> None:
    pytest.importorskip("transformers")
    from transformers import ViTConfig, ViTForImageClassification, ViTModel

    config = ViTConfig(**TRANSFORMER, id2label={0: "yes", 1: "no", 2: "maybe"})
    kind = ViTModel if name == "ViTModel" else ViTForImageClassification
    network = kind(config).eval()
    catalog = put(
        "hf",
        f'builder = "transformers:{name}"\nweights = "hf.safetensors"\nconfig = "config.json"\n'
        'task = "classification"\n[preprocessing]\nsize = 64\nmean = [0.5, 0.5, 0.5]\n'
        "std = [0.5, 0.5, 0.5]\n",
        network,
    )
    assert catalog.models_dir is not None
    (catalog.models_dir / "config.json").write_text(json.dumps(config.to_dict()))
    loaded = catalog.load("hf")
    assert type(loaded.module) is kind
    assert loaded.spec.labels == ("yes", "no", "maybe")
    photo = torch.randn(1, 3, 64, 64)
    output, (trace,) = run(loaded.module, photo, loaded.layouts)
    with torch.inference_mode():
        given = network(pixel_values=photo)
    expected = given.pooler_output if name == "ViTModel" else given.logits
    assert (output - expected).abs().max() < 1e-6
    assert [site.kind for site in trace.sites] == ["attention"] * 2


def test_the_three_files_of_a_published_model_are_enough(
    put: Callable[..., Catalog], tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    home = tmp_path / "models"
    shown = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    config = ViTConfig(**TRANSFORMER, id2label={0: "Siamese", 1: "Persian"})
    network = ViTForImageClassification(config).eval()
    network.save_pretrained(home)
    size = {"height": 64, "width": 64}
    ViTImageProcessor(size=size, image_mean=[0.4] * 3).save_pretrained(home)
    loaded = put("cats", shown).load("cats")
    photo = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded.module(photo).logits, network(photo).logits)
    assert loaded.spec.labels == ("Siamese", "Persian")
    assert loaded.spec.preprocessing is not None
    assert loaded.spec.preprocessing.crop_px == (64, 64)
    assert loaded.spec.preprocessing.mean == (0.4, 0.4, 0.4)


def test_half_precision_and_tensors_that_a_class_has_no_use_for(
    put: Callable[..., Catalog], tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    from transformers import ViTConfig, ViTForImageClassification

    network = ViTForImageClassification(ViTConfig(**TRANSFORMER)).half()
    arguments = "\n".join(f"{key} = {value}" for key, value in TRANSFORMER.items())
    text = (
        'builder = "transformers:ViTModel"\nweights = "hf.safetensors"\n[arguments]\n'
        f"add_pooling_layer = false\n{arguments}\n"
        "[preprocessing]\nsize = 64\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n"
    )
    catalog = put("hf", text.replace("add_pooling_layer = false\n", ""), network)
    with pytest.raises(CorruptWeights, match=r"missing pooler\.dense\.bias"):
        catalog.load("hf")
    text = text.replace("ViTModel", "AutoModelForImageClassification")
    text = text.replace("add_pooling_layer = false", 'model_type = "vit"')
    loaded = put("hf", text, network).load("hf")
    assert {tensor.dtype for tensor in loaded.module.parameters()} == {torch.float32}
    text = text.replace("hidden_size = 32", "hidden_size = 48")
    with pytest.raises(CorruptWeights, match=r"wrong shape: classifier\.weight is \(2, 32\)"):
        put("hf", text).load("hf")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ViTImageProcessor", {"size": {"height": 48, "width": 64}}),
        ("ViTImageProcessor", {"size": {"height": 64, "width": 64}, "do_normalize": False}),
        ("CLIPImageProcessor", {"size": {"shortest_edge": 72}, "crop_size": 64}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 64}, "crop_pct": 0.875}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}, "crop_pct": 0.875}),
    ],
)
def test_photos_are_prepared_as_transformers_does(
    put: Callable[..., Catalog], kind: str, options: dict[str, Any]
) -> None:
    """Its own processor is the reference, to two steps of 256 that rounding may differ by."""
    transformers = pytest.importorskip("transformers")
    processor = getattr(transformers, kind)(**options)
    catalog = put("p", 'builder = "transformers:vit"\npreprocessing = "p.json"\n')
    (catalog.models_dir / "p.json").write_text(processor.to_json_string())  # type: ignore[operator]
    wanted = catalog.spec("p").preprocessing
    assert wanted is not None
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 6, 9, generator=generator)
    photo = nn.functional.interpolate(coarse, (120, 200), mode="bicubic").clamp(0, 1)[0]
    pixels = (photo * 255).to(torch.uint8)
    expected = processor(pixels, return_tensors="pt")["pixel_values"]
    found, _ = prepare(pixels, wanted)
    assert found.shape == expected.shape
    std = torch.tensor(wanted.std)[:, None, None]
    assert ((found - expected) * std).abs().max() <= 2 / 255 + 1e-6


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"size": 64, "resample": 1, "image_mean": 0.5, "image_std": 0.5}', "resample is 1"),
        ('{"size": 64, "do_resize": false}', "does not resize"),
        ('{"size": 64, "rescale_factor": 1.0}', "brought to 0…1"),
        (
            '{"size": {"height": 9, "width": 9}, "do_center_crop": true, "crop_size": 8}',
            "squashes the photo",
        ),
        ('{"size": {}}', "no image processor's"),
        ("[]", "no image processor's"),
        ("{", "is not JSON"),
    ],
)
def test_an_image_processor_that_cannot_be_followed_is_told(
    put: Callable[..., Catalog], config: str, message: str
) -> None:
    catalog = put("p", 'builder = "transformers:vit"\npreprocessing = "p.json"\n')
    (catalog.models_dir / "p.json").write_text(config)  # type: ignore[operator]
    (entry,) = folder.listed(catalog.models_dir or Path())
    assert any(mistake.line == 2 and message in mistake.message for mistake in entry.mistakes)


def test_transformers_that_is_not_installed_says_how_to_install_it(
    put: Callable[..., Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = f'builder = "transformers:vit"\nweights = "x.safetensors"{PREPROCESSING}'
    reason = put("hf", text, nn.Linear(1, 1)).spec("hf").reason
    assert reason is not None
    assert "pip install 'fovea[transformers]'" in reason


MISTAKES = """\
# a comment
builder = "timm:vit_tinny_patch16_224"
weigths = "x.safetensors"
task = "classify"
labels = [1, 2]
title = ""

[arguments]
pretrained = true

[preprocessing]
size = [224, 0]
mean = [0.5, 0.5]
std = 0
interpolation = "nearest"
crop = "middle"
resize = "big"
licence = "mit"
"""


def test_all_mistakes_are_told_at_once_with_line_and_choices(
    put: Callable[..., Catalog],
) -> None:
    catalog = put("bad", MISTAKES)
    (entry,) = folder.listed(catalog.models_dir or Path())
    told = {mistake.line: mistake.message for mistake in entry.mistakes if mistake.line}
    assert sorted(told) == [2, 3, 4, 5, 6, 12, 13, 14, 15, 16, 17, 18]
    assert "vit_tiny_patch16_224" in told[2]
    assert "did you mean `weights`" in told[3]
    assert "classification, segmentation, features" in told[4]
    assert "one a line" in told[5]
    assert "bilinear, bicubic" in told[15]
    assert "centre, squash" in told[16]
    assert "above the first [table]" in told[18]
    (missing,) = [mistake.message for mistake in entry.mistakes if mistake.line is None]
    assert (
        missing
        == "there is no `weights`; it is the name of a .safetensors file, or hub:<owner>/<name>"
    )
    lines = catalog.complaints()
    assert len(lines) == len(entry.mistakes)
    assert lines[3].startswith("bad.toml, line 4: task: 'classify' is none of classification,")
    with pytest.raises(InvalidModelFile, match="line 13"):
        catalog.load("bad")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('builder = "timm:test_vit\n', 1, "Illegal character"),
        ("\n\n= 3\n", 3, "Invalid statement"),
        ('builder = "test_vit"\n', 1, "timm:<name>, transformers:<class or model type> or package"),
        ('builder = "no_such_package_here.nets:make"\n', 1, "PYTHONPATH"),
        ('builder = "transformers:ViTForImageClasification"\n', 1, "ViTForImageClassification"),
        ('weights = "missing.safetensors"\n', 1, "there is no file 'missing.safetensors' beside"),
        ('\nweights = "net.h5"\n', 2, "no .safetensors file, nor hub:"),
        ('labels = "missing.txt"\n', 1, "there is no file 'missing.txt'"),
        ("arguments = 3\n", 1, "it is a table"),
        ("preprocessing = 3\n", 1, "it is a table"),
        ("[preprocessing]\nmean = 0.5\n", 1, "needs `size`, `std`"),
        ("[preprocessing]\nmean = [1, 2, 3]\nstd = 1\n", 3, "mean has 3 numbers, std 1"),
        ("[preprocessing]\nsize = 64\nresize = 32\n", 3, "less than the size"),
        ('config = "config.json"\nbuilder = "timm:test_vit"\n', 1, "there is no file"),
        ("[nonsense]\nx = 1\n", 1, "there is no key `nonsense`"),
        ('summary = """\ntask = \n"""\ntask = "x"\n', 4, "'x' is none of"),
        ("preprocessing.crop = 'no'\n", 1, "'no' is none of centre, squash"),
    ],
)
def test_a_mistake_is_told_where_it_stands(
    put: Callable[..., Catalog], text: str, line: int, message: str
) -> None:
    (entry,) = folder.listed(put("bad", text).models_dir or Path())
    told = [(mistake.line, mistake.message) for mistake in entry.mistakes]
    assert any(at == line and message in said for at, said in told), told


def test_a_broken_file_hinders_no_other(put: Callable[..., Catalog], own_code: Any) -> None:
    put("a", "nonsense")
    put("b", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"))
    text = (
        'builder = "my_nets_of_a_test:make"\nweights = "c.safetensors"\n'
        f"[arguments]\nclasses = 2\n{PREPROCESSING}"
    )
    catalog = put("c", text, own_code.make(2))
    (catalog.models_dir / "d.toml").write_bytes(b"title = '\xff'")  # type: ignore[operator]
    rows = catalog.listed()
    assert [row.id for row in rows] == ["c", *bundled(), "a", "b", "d"]
    assert [row.id for row in rows if row.reason] == ["a", "b", "d"]
    assert catalog.load("c").module is not None
    assert not catalog.local("a")
    with pytest.raises(UnknownModel, match="c"):
        catalog.spec("../c")


VALUES = r"""
    3 -1 nan inf true "" "x" [] [[]] [1,2,3] ["a"] {} {a=1} 1979-05-27 "latin.txt" "empty.json"
    "three.json" "." ".." "\u0000" "a\nb" "timm:" "timm:test_vit" ":" "a:b" "os:getcwd" "a..b:c"
    "hub:a/b" [nan,1,1] 99999999999999999999 "no.safetensors"
""".split()  # noqa: SIM905 (as a list it is a page long)
KEYS = (
    *model_file.TOP,
    *(f"preprocessing.{key}" for key in model_file.PREPROCESSING),
    "x.y",
    '"a b"',
)


def test_whatever_stands_in_a_file_is_read_or_told(
    put: Callable[..., Catalog], caplog: pytest.LogCaptureFixture
) -> None:
    home = put("a", "").models_dir or Path()
    (home / "latin.txt").write_bytes(b"caf\xe9")
    (home / "empty.json").write_text("{}")
    (home / "three.json").write_text("3")
    random = Random(7)
    for _ in range(400):
        lines = [
            f"{random.choice(KEYS)} = {random.choice(VALUES)}" for _ in range(random.randint(0, 6))
        ]
        if random.random() < 0.3:
            lines.insert(0, random.choice(("[preprocessing]", "[[arguments]]", "[", '[""]')))
        (home / "a.toml").write_text("\n".join(lines), encoding="utf-8")
        entry = folder.read(home / "a.toml")
        assert entry.mistakes, lines
        assert all(mistake.message for mistake in entry.mistakes)
        assert entry.spec.reason
    assert "cannot be understood" not in caplog.text


def test_a_bundled_network_keeps_its_name(put: Callable[..., Catalog]) -> None:
    catalog = put("vit", "nonsense")
    assert catalog.spec("vit") == bundled()["vit"]
    assert [row.id for row in catalog.listed()] == list(bundled())
    assert "vit.toml: a bundled network is called so; rename the file" in catalog.complaints()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(
    put: Callable[..., Catalog], own_code: Any, suffix: str
) -> None:
    text = f'builder = "my_nets_of_a_test:make"\nweights = "c{suffix}"\n{PREPROCESSING}'
    catalog = put("c", text)
    with pytest.raises(UnsafeCheckpoint, match="run code") as caught:
        catalog.load("c")
    assert caught.value.hint == f"Convert it: python -m models.convert c{suffix} c.safetensors"


def test_a_pickle_that_is_called_safetensors_is_found_out(
    put: Callable[..., Catalog], own_code: Any
) -> None:
    text = f'builder = "my_nets_of_a_test:make"\nweights = "c.safetensors"\n{PREPROCESSING}'
    catalog = put("c", text)
    assert catalog.models_dir is not None
    for new in (True, False):
        file = catalog.models_dir / "c.safetensors"
        torch.save(own_code.make(2).state_dict(), file, _use_new_zipfile_serialization=new)
        with pytest.raises(UnsafeCheckpoint, match=r"c\.safetensors is a pickle"):
            catalog.load("c")


def test_a_pickle_in_the_weights_folder_is_listed_with_the_reason(tmp_path: Path) -> None:
    name = "test_vit.r160_in1k"
    torch.save({"a": torch.ones(1)}, tmp_path / f"{name}.pth")
    catalog = Catalog(tmp_path)
    row = catalog.listed()[-1]
    assert (row.id, row.source) == (name, "local")
    assert "pickle" in str(row.reason)
    with pytest.raises(UnsafeCheckpoint) as caught:
        catalog.load(name)
    assert f"python -m models.convert {name}.pth {name}.safetensors" in caught.value.hint
    assert any(f"models.convert {name}.pth" in line for line in catalog.complaints())


@pytest.mark.parametrize(
    ("arguments", "builder", "message"),
    [
        ("depht = 2", "make", "unexpected keyword argument 'depht'"),
        ("", "broken", r"OSError: no such thing: …\)"),
        ("", "number", "gave a int"),
        ("", "nothing", "has no attribute 'nothing'"),
        ("classes = 2\nchannels = 3", "make", "fails on a picture of its own size"),
    ],
)
def test_a_builder_that_fails_is_told(
    put: Callable[..., Catalog], own_code: Any, arguments: str, builder: str, message: str
) -> None:
    text = (
        f'builder = "my_nets_of_a_test:{builder}"\nweights = "c.safetensors"\n'
        f"[arguments]\n{arguments}\n{PREPROCESSING}"
    )
    catalog = put("c", text, own_code.make(2, 3))
    with pytest.raises(UnusableNetwork, match=message):
        catalog.load("c")


def test_weights_that_do_not_fit_are_named(put: Callable[..., Catalog], own_code: Any) -> None:
    text = (
        'builder = "my_nets_of_a_test:make"\nweights = "c.safetensors"\n'
        f"[arguments]\nclasses = 5\n{PREPROCESSING}"
    )
    catalog = put("c", text, own_code.make(2))
    expected = r"c\.safetensors does not fit .*second\.bias is \(2,\), not \(5,\)"
    with pytest.raises(CorruptWeights, match=expected):
        catalog.load("c")


def test_tensors_that_a_network_shares_are_needed_once(tmp_path: Path) -> None:
    from models.weights import fill, read

    class Shares(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
            self.b.weight = self.a.weight

    given, network = Shares(), Shares()
    state = given.state_dict()
    del state["b.weight"]
    save_file(state, tmp_path / "s.safetensors")
    fill(network, read(tmp_path / "s.safetensors")[0], "s.safetensors")
    assert torch.equal(network.b.weight, given.a.weight)
    del state["b.bias"]
    with pytest.raises(CorruptWeights, match=r"missing b\.bias$"):
        fill(network, state, "s.safetensors")


def test_weights_from_a_repository_of_the_hub(
    put: Callable[..., Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = timm_zoo.create("test_vit", {"num_classes": 2})
    text = 'builder = "timm:test_vit"\nweights = "hub:somebody/net"\n[arguments]\nnum_classes = 2\n'
    home = put("hosted", text).models_dir
    with a_hub(monkeypatch) as hub:
        hub.files["somebody/net"] = save(network.state_dict())
        catalog = Catalog(models_dir=home, cache_dir=tmp_path / "cache")
        row = catalog.listed()[-1]  # never what is taken by default
        assert (row.id, row.source, row.repository) == ("hosted", "hub", "somebody/net")
        assert not catalog.local("hosted")
        offline = Catalog(models_dir=home, cache_dir=tmp_path / "cache", offline=True)
        with pytest.raises(ModelNotLocal) as caught:
            offline.load("hosted")
        assert "hosted.safetensors" in caught.value.hint
        loaded = catalog.load("hosted")
        assert torch.equal(loaded.module.head.weight, network.head.weight)
        assert catalog.local("hosted")
        assert offline.load("hosted").revision == loaded.revision
        assert hub.gets == [("somebody/net", None)]
    supplied = tmp_path / "supplied"
    supplied.mkdir()
    save_file(network.state_dict(), supplied / "hosted.safetensors")
    catalog = Catalog(supplied, tmp_path / "empty", home, offline=True)
    assert (catalog.listed()[0].id, catalog.spec("hosted").source) == ("hosted", "local")
    assert torch.equal(catalog.load("hosted").module.head.weight, network.head.weight)


@pytest.mark.parametrize("name", ["hub:", "hub:net", "hub:../net", "hub:a/b/c", "hub:a/.."])
def test_a_repository_that_is_none(put: Callable[..., Catalog], name: str) -> None:
    (entry,) = folder.listed(put("a", f'weights = "{name}"').models_dir or Path())
    assert any("is not hub:<owner>/<name>" in mistake.message for mistake in entry.mistakes)
