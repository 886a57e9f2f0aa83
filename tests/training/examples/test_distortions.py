"""Distorted digits: where they are, how they are turned, and what lies around them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from training.examples.distortions import CANVAS_PX, DISTORTIONS, clutter, draw, homographies


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def cluttered(digits: Tensor) -> tuple[Tensor, Tensor]:
    """Float digits on their canvases, as the hardest distortion places them, without clutter."""
    grid, truth = DISTORTIONS["cluttered"].grid(len(digits), generator(), digits.device)
    assert truth is not None
    return F.grid_sample(digits, grid, align_corners=False), truth


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

    apart = middle(cluttered(dot)[0]) - middle(cluttered(digit)[0])
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
    ink = cluttered(digit)[0].sum(dim=(1, 2, 3))
    assert ink.min() > 0.95 * 0.7**2 * 400


def test_the_truth_about_a_placed_digit_shows_it_upright_and_whole() -> None:
    digit = torch.zeros(40, 1, 28, 28)
    digit[:, :, 5:23, 12:16] = 1.0  # a stroke,
    digit[:, :, 19:23, 12:22] = 1.0  # with a foot that tells its sides apart
    canvases, truth = cluttered(digit)
    grid = F.affine_grid(truth, [40, 1, 28, 28], align_corners=False)
    seen = F.grid_sample(canvases, grid, align_corners=False)
    assert (seen - digit).abs().mean() < 0.04  # the edges are blurred by two resamplings
    assert (seen - digit.flip(3)).abs().mean() > 0.06


def test_clutter_is_made_of_small_fragments() -> None:
    strewn = clutter(torch.full((3, 1, 28, 28), 255, dtype=torch.uint8), 50, generator())
    share = strewn.mean().item()
    # Six squares with sides of 5 to 10 px, four in five of them drawn, less where they overlap.
    upper = 0.8 * 6 * sum(side**2 for side in range(5, 11)) / 6 / CANVAS_PX**2
    assert 0.8 * upper < share <= upper


def test_canvases_are_drawn_alike_from_the_same_seed() -> None:
    digits = torch.randint(256, (4, 1, 28, 28), dtype=torch.uint8)
    first, truth = draw(digits, digits, generator())
    second, again = draw(digits, digits, generator())
    assert torch.equal(first, second)
    assert torch.equal(truth, again)
    assert first.shape == (4, 1, CANVAS_PX, CANVAS_PX)
    assert math.isclose(first.max().item(), 1.0, abs_tol=0.1)
    assert first.min().item() >= 0


@pytest.mark.parametrize("name", DISTORTIONS)
def test_every_distortion_keeps_the_digit_on_the_canvas_and_changes_it(name: str) -> None:
    digit = torch.zeros(64, 1, 28, 28, dtype=torch.uint8)
    digit[:, :, 5:23, 12:16] = 255
    digit[:, :, 19:23, 12:22] = 255
    seen, _ = draw(digit, torch.zeros_like(digit), generator(), name)
    plain = F.pad(digit.float() / 255, (16,) * 4)
    assert 0.4 < (seen.sum() / plain.sum()).item() < 2.0
    assert (seen - plain).abs().mean() > 0.005
    assert (seen[0] - seen[1]).abs().max() > 0.1


def test_a_homography_sends_its_four_points_where_it_should() -> None:
    sources = torch.rand((5, 4, 2), generator=generator()).double() + torch.tensor(
        [[0, 0], [2, 0], [2, 2], [0, 2]]
    )
    targets = sources.flip(2) * 1.5 + 0.1 * sources**2
    matrices = homographies(sources, targets)
    sent = F.pad(sources, (0, 1), value=1.0) @ matrices.transpose(1, 2)
    torch.testing.assert_close(sent[..., :2] / sent[..., 2:], targets)
