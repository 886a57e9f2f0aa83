"""Against Pillow's resize and torchvision's definition of the evaluation transform."""

import numpy as np
import pytest
import torch
from PIL import Image

from fovea.models.preprocessing import Preprocessing, prepare


def photo(height: int, width: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def assert_same_bytes(got: np.ndarray, expected: np.ndarray, std: float) -> None:
    """Both libraries round to bytes after each of two passes: rarely a value is off by a step or
    two of 255.
    """
    steps = np.abs(got - expected) * 255 * std
    assert steps.max() <= 2.01
    assert steps.mean() < 0.1


@pytest.mark.parametrize("size", [(300, 451), (451, 300), (224, 224), (90, 70), (40, 400)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_equals_pillow(size: tuple[int, int], interpolation: str) -> None:
    array = photo(*size)
    height, width = size
    short = min(size)
    resized = Image.fromarray(array).resize(
        (128 * width // short, 128 * height // short),
        getattr(Image.Resampling, interpolation.upper()),
    )
    left, top = round((resized.width - 112) / 2), round((resized.height - 112) / 2)
    expected = np.asarray(resized.crop((left, top, left + 112, top + 112)), dtype=np.float64)
    preprocessing = Preprocessing(128, (112, 112), interpolation, (0.5,) * 3, (0.25,) * 3)
    pixels, _ = prepare(torch.tensor(array).permute(2, 0, 1), preprocessing)
    got = pixels[0].permute(1, 2, 0).double().numpy()
    assert_same_bytes(got, (expected / 255 - 0.5) / 0.25, std=0.25)


def test_grey_is_rec_601_luma() -> None:
    red = torch.zeros(3, 60, 60, dtype=torch.uint8)
    red[0] = 255
    pixels, _ = prepare(red, Preprocessing(60, (60, 60), "bilinear", (0.0,), (1.0,), channels=1))
    assert pixels.shape == (1, 1, 60, 60)
    assert pixels.unique().tolist() == pytest.approx([0.299])


def test_a_photo_is_bytes() -> None:
    with pytest.raises(ValueError, match="uint8"):
        prepare(torch.zeros(3, 8, 8), Preprocessing(8, (8, 8), "bilinear", (0.0,) * 3, (1.0,) * 3))


def test_equals_timm_own_transform() -> None:
    from fovea.models.catalog.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    from timm import get_pretrained_cfg
    from timm.data import create_transform, resolve_data_config

    for name in ("vit_tiny_patch16_224", "seresnet50", "vit_small_patch14_dinov2"):
        config = get_pretrained_cfg(name).to_dict()
        array = photo(600, 801)
        expected = create_transform(**resolve_data_config({}, pretrained_cfg=config))(
            Image.fromarray(array)
        )
        pixels, _ = prepare(torch.tensor(array).permute(2, 0, 1), Preprocessing.from_timm(config))
        assert pixels.shape[1:] == expected.shape
        assert_same_bytes(pixels[0].numpy(), expected.numpy(), min(config["std"]))
