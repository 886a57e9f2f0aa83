"""Models of transformers: classes, published files, and photos prepared as it does."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.folder import folder
from fovea.models.catalog.folder.image_processor import keys_of
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.catalog.weights.weights import CorruptWeights
from fovea.models.preprocessing import prepare
from fovea.models.running.inference import run
from tests.models.folder.conftest import PAGE, PREPROCESSING

declare_missing_operators()
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


S, HW = "shortest_edge", ("height", "width")


def square(side: int) -> dict[str, int]:
    return dict.fromkeys(HW, side)


PROCESSORS: list[tuple[str, dict[str, Any]]] = [
    ("ViTImageProcessor", {"size": {"height": 48, "width": 64}}),
    ("ViTImageProcessor", {"size": square(64), "do_normalize": False}),
    ("ViTImageProcessor", {"size": square(64), "do_rescale": False}),
    ("ViTImageProcessor", {"size": square(64), "rescale_factor": 1 / 127.5}),
    ("ViTImageProcessor", {"size": square(64), "image_mean": [0.1, 0.2, 0.3], "resample": 3}),
    ("CLIPImageProcessor", {"size": {S: 72}, "crop_size": square(64)}),
    ("CLIPImageProcessor", {"size": {S: 64}, "crop_size": {"height": 48, "width": 60}}),
    ("ConvNextImageProcessor", {"size": {S: 64}, "crop_pct": 0.875}),
    ("ConvNextImageProcessor", {"size": {S: 384}, "crop_pct": 0.875}),
    ("ConvNextImageProcessor", {"size": {S: 224}}),
    ("LevitImageProcessor", {"size": {S: 64}, "crop_size": square(64)}),
    ("LevitImageProcessor", {}),
    ("PoolFormerImageProcessor", {"size": {S: 64}, "crop_size": square(64)}),
    ("PoolFormerImageProcessor", {"size": {S: 64}, "crop_size": square(64), "crop_pct": 0.95}),
    ("EfficientNetImageProcessor", {}),
    ("EfficientNetImageProcessor", {"size": square(96), "include_top": False}),
    ("EfficientNetImageProcessor", {"size": square(96), "rescale_offset": True,
                                    "rescale_factor": 1 / 127.5}),
    ("EfficientNetImageProcessor", {"size": square(96), "do_normalize": False,
                                    "image_std": [0.2, 0.3, 0.4]}),
    ("MobileViTImageProcessor", {"size": {S: 72}, "crop_size": square(64)}),
    ("MobileViTImageProcessor", {"size": {S: 72}, "crop_size": square(64),
                                 "do_flip_channel_order": False}),
    ("BitImageProcessor", {"size": {S: 72}, "crop_size": square(64)}),
    ("DeiTImageProcessor", {"size": square(72), "crop_size": square(64)}),
    ("DPTImageProcessor", {"size": square(65), "ensure_multiple_of": 16}),
    ("SegformerImageProcessor", {"size": square(64)}),
    ("BeitImageProcessor", {"size": square(72), "do_center_crop": True, "crop_size": square(64)}),
    ("MobileNetV2ImageProcessor", {"size": {S: 72}, "crop_size": square(64)}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), PROCESSORS)
@pytest.mark.parametrize("shape", [(120, 200), (171, 131)])
def test_photos_are_prepared_as_transformers_does(
    put: Callable[..., Catalog], kind: str, options: dict[str, Any], shape: tuple[int, int]
) -> None:
    """Its own processor is the reference, to two steps of 256 that rounding may differ by."""
    import transformers

    processor = getattr(transformers, kind)(**options)
    catalog = put("p", 'builder = "transformers:vit"\npreprocessing = "p.json"\n')
    (catalog.models_dir / "p.json").write_text(processor.to_json_string())  # type: ignore[operator]
    wanted = catalog.spec("p").preprocessing
    assert wanted is not None
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 6, 9, generator=generator)
    photo = nn.functional.interpolate(coarse, shape, mode="bicubic").clamp(0, 1)[0]
    pixels = (photo * 255).to(torch.uint8)
    expected = processor(pixels, return_tensors="pt")["pixel_values"]
    found, _ = prepare(pixels, wanted)
    assert found.shape == expected.shape
    std = torch.tensor(wanted.std)[:, None, None]
    difference = ((found - expected) * std).abs()
    assert difference.mean() <= 0.5 / 255
    assert difference.max() <= 2 / 255 + 1e-6


@pytest.mark.parametrize("code", [0, 1, 4, 5])
def test_every_way_of_resizing_is_pillows(put: Callable[..., Catalog], code: int) -> None:
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    processor = ViTImageProcessorPil(size=square(48), resample=code)
    catalog = put("p", 'builder = "transformers:vit"\npreprocessing = "p.json"\n')
    (catalog.models_dir / "p.json").write_text(processor.to_json_string())  # type: ignore[operator]
    wanted = catalog.spec("p").preprocessing
    assert wanted is not None
    pixels = torch.randint(0, 256, (3, 90, 70), dtype=torch.uint8)
    expected = processor(pixels.permute(1, 2, 0).numpy(), return_tensors="pt")["pixel_values"]
    difference = (prepare(pixels, wanted)[0] - expected).abs() * 0.5
    assert difference.max() < 1.01 / 255  # One level, where a half is rounded.
    assert difference.mean() < 0.02 / 255


def test_one_number_is_what_the_processor_takes_it_for() -> None:
    plain = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": 64}
    assert keys_of(plain)["crop"] == "squash"
    assert keys_of(plain | {"feature_extractor_type": "ViTFeatureExtractor"})["crop"] == "squash"
    of_clip = {"feature_extractor_type": "CLIPFeatureExtractor", "crop_size": 56}
    assert keys_of(plain | of_clip) | {"mean": 0, "std": 0} == {
        "size": [56, 56], "resize": 64, "crop": "centre-down", "interpolation": "bicubic",
        "mean": 0, "std": 0,
    }  # fmt: skip


PLAIN = '"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]'


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (f'{{"size": 64, "resample": 9, {PLAIN}}}', "resample is 9"),
        ('{"size": 64, "do_resize": false}', "does not resize"),
        (f'{{"size": 64, "do_pad": true, {PLAIN}}}', "do_pad"),
        (f'{{"size": {{"shortest_edge": 64, "longest_edge": 99}}, {PLAIN}}}', "longest_edge"),
        (f'{{"size": {{"longest_edge": 99}}, {PLAIN}}}', "longest_edge"),
        (f'{{"size": 64, "keep_aspect_ratio": true, {PLAIN}}}', "keep_aspect_ratio"),
        (f'{{"size": 64, "do_grayscale": true, {PLAIN}}}', "do_grayscale = True"),
        (f'{{"size": 64, "patch_size": 14, {PLAIN}}}', "patch_size = 14"),
        (f'{{"size": 64, "auto_map": {{"A": "b"}}, {PLAIN}}}', "auto_map"),
        (
            f'{{"size": 64, "do_center_crop": true, "crop_size": 80, {PLAIN}}}',
            "crop_size: [80, 80] is more than",
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
    assert "pip install 'fovea-microscope[transformers]'" in reason
