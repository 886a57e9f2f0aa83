"""What docs/models-folder.md shows works: networks of timm and of a person's own code."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from fovea.models.catalog import timm_zoo
from fovea.models.catalog.catalog import Catalog, bundled
from fovea.models.catalog.folder import model_file
from fovea.models.running.inference import run
from tests.models.folder.conftest import PAGE, PREPROCESSING


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


def test_a_bundled_network_keeps_its_name(put: Callable[..., Catalog]) -> None:
    catalog = put("vit", "nonsense")
    assert catalog.spec("vit") == bundled()["vit"]
    assert [row.id for row in catalog.listed()] == list(bundled())
    assert "vit.toml: a bundled network is called so; rename the file" in catalog.complaints()
