"""Crops, mirrors and colours."""

import pytest
import torch

from training.examples.views import centre_boxes, jitter, normalise, random_boxes, resample
from training.tasks.photos import flip_patches


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_centre_box_is_the_centre_crop() -> None:
    photo = torch.randint(256, (1, 3, 128, 128), dtype=torch.uint8)
    crop = resample(photo, centre_boxes(1), 112)
    torch.testing.assert_close(crop, photo[:, :, 8:120, 8:120].float(), atol=0.02, rtol=0)


def test_random_boxes_stay_on_the_photo_and_keep_their_area() -> None:
    boxes = random_boxes(2000, 0.4, generator())
    middle, half = boxes[:, :2], boxes[:, 2:]
    assert (middle.abs() + half <= 1 + 1e-6).all()
    area = half.prod(dim=1)
    assert 0.3 < area.min() < 0.45
    assert area.max() > 0.95


def test_normalising_gives_zero_mean_where_the_picture_is_the_mean() -> None:
    mean, std = torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.1, 0.2, 0.3])
    picture = (255 * mean).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    torch.testing.assert_close(normalise(picture, mean, std), torch.zeros(1, 3, 4, 4))


def test_jitter_of_no_strength_changes_nothing() -> None:
    picture = torch.rand(2, 3, 8, 8) * 255
    torch.testing.assert_close(jitter(picture, 0.0, generator()), picture)
    assert not torch.allclose(jitter(picture, 0.5, generator()), picture)


def test_the_patches_of_a_mirrored_photo_change_columns() -> None:
    tokens = torch.arange(10.0).view(1, 10, 1).repeat(2, 1, 1)
    mirrored = flip_patches(tokens, torch.tensor([True, False]))
    assert mirrored[0, :, 0].tolist() == [0, 3, 2, 1, 6, 5, 4, 9, 8, 7]
    assert torch.equal(mirrored[1], tokens[1])


@pytest.mark.parametrize("count", [1, 7])
def test_boxes_are_one_a_photo(count: int) -> None:
    assert centre_boxes(count).shape == (count, 4)
