"""A network learns from the very pixels that it will be served."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from fovea.models.catalog.shipped import bundled
from fovea.models.preprocessing import prepare
from fovea.server.intake.imaging import decode as served
from training.examples.data import CANVAS_PX, decode
from training.examples.views import CROP_PX


@pytest.mark.parametrize("size", [(301, 200), (200, 301), (299, 449), (128, 333), (97, 64)])
def test_the_crop_that_scores_a_network_is_the_one_that_is_served(size: tuple[int, int]) -> None:
    random = np.random.default_rng(sum(size))
    noise = Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    file = io.BytesIO()
    noise.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
    photo = torch.from_numpy(served(file.getvalue(), 1_000_000).pixels.copy()).permute(2, 0, 1)

    wanted = bundled()["vit"].preprocessing
    assert wanted is not None
    pixels, _ = prepare(photo, wanted)
    margin = (CANVAS_PX - CROP_PX) // 2
    inside = slice(margin, margin + CROP_PX)
    learnt = decode([file.getvalue()], CANVAS_PX)[0, :, inside, inside]
    mean, std = (torch.tensor(values)[:, None, None] for values in (wanted.mean, wanted.std))
    assert torch.equal((learnt.float() / 255 - mean) / std, pixels[0])
