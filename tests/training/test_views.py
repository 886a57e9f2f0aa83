"""Crops, mirrors and cluttered canvases."""

import math

import pytest
import torch
import torch.nn.functional as F

from training.digits import CANVAS_PX, clutter, draw, place
from training.photos import flip_patches
from training.views import centre_boxes, jitter, normalise, random_boxes, resample


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


def test_a_placed_digit_is_whole_and_turned_within_bounds() -> None:
    # A dot right of the middle: where it lands tells the turn and the scale.
    digit = torch.zeros(400, 1, 28, 28)
    digit[:, :, 13:15, 13:15] = 1.0
    dot = torch.zeros(400, 1, 28, 28)
    dot[:, :, 13:15, 21:23] = 1.0

    def middle(canvas: torch.Tensor) -> torch.Tensor:
        axis = torch.arange(CANVAS_PX) + 0.5
        mass = canvas.sum(dim=(1, 2, 3))
        x = (canvas.sum(dim=(1, 2)) * axis).sum(dim=1) / mass
        y = (canvas.sum(dim=(1, 3)) * axis).sum(dim=1) / mass
        return torch.stack([x, y], dim=1)

    apart = middle(place(dot, generator())[0]) - middle(place(digit, generator())[0])
    scale = apart.norm(dim=1) / 8
    turn = torch.rad2deg(torch.atan2(apart[:, 1], apart[:, 0]))
    assert scale.min() > 0.7 - 0.03
    assert scale.max() < 1.2 + 0.03
    assert turn.abs().max() < 90 + 2
    assert turn.min() < -80
    assert turn.max() > 80


def test_a_placed_digit_keeps_its_ink() -> None:
    digit = torch.zeros(100, 1, 28, 28)
    digit[:, :, 4:24, 4:24] = 1.0  # where MNIST has its ink: the middle 20 x 20
    ink = place(digit, generator())[0].sum(dim=(1, 2, 3))
    assert ink.min() > 0.95 * 0.7**2 * 400


def test_the_truth_about_a_placed_digit_shows_it_upright_and_whole() -> None:
    digit = torch.zeros(40, 1, 28, 28)
    digit[:, :, 5:23, 12:16] = 1.0  # a stroke,
    digit[:, :, 19:23, 12:22] = 1.0  # with a foot that tells its sides apart
    canvases, truth = place(digit, generator())
    grid = F.affine_grid(truth, [40, 1, 28, 28], align_corners=False)
    seen = F.grid_sample(canvases, grid, align_corners=False)
    assert (seen - digit).abs().mean() < 0.04  # the edges are blurred by two resamplings
    assert (seen - digit.flip(3)).abs().mean() > 0.06


def test_clutter_is_made_of_small_fragments() -> None:
    strewn = clutter(torch.ones(3, 1, 28, 28), 50, generator())
    share = strewn.mean().item()
    upper = 8 * 8 * 8 / CANVAS_PX**2
    assert 0.7 * upper < share <= upper


def test_canvases_are_drawn_alike_from_the_same_seed() -> None:
    digits = torch.randint(256, (4, 1, 28, 28), dtype=torch.uint8)
    first, truth = draw(digits, digits, generator())
    second, again = draw(digits, digits, generator())
    assert torch.equal(first, second)
    assert torch.equal(truth, again)
    assert first.shape == (4, 1, CANVAS_PX, CANVAS_PX)
    assert math.isclose(first.max().item(), 1.0, abs_tol=0.1)
    assert first.min().item() >= 0


@pytest.mark.parametrize("count", [1, 7])
def test_boxes_are_one_a_photo(count: int) -> None:
    assert centre_boxes(count).shape == (count, 4)
