"""Learning to frame a digit: how far a window is from where the digit is, and what is learnt."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fovea.models.networks import build
from training.examples.data import Examples
from training.recipes import recipe_for
from training.tasks.digits import DigitTask, theta_error

CPU = torch.device("cpu")


def window(turn_deg: float, half: float = 0.4, x: float = 0.1, y: float = -0.2) -> Tensor:
    angle = torch.deg2rad(torch.tensor(turn_deg))
    cosine, sine = half * angle.cos(), half * angle.sin()
    return torch.tensor([[[cosine, -sine, x], [sine, cosine, y]]])


def test_the_right_window_has_no_error() -> None:
    assert theta_error(window(30), window(30), torch.tensor([4])) == 0


@pytest.mark.parametrize(("digit", "alike"), [(0, True), (1, True), (8, True), (6, False)])
def test_upside_down_is_right_for_digits_that_look_the_same(digit: int, alike: bool) -> None:
    error = theta_error(window(180 - 45), window(-45), torch.tensor([digit]))
    # Else every entry of a turned window is off by twice its size: 2 · 0.4 · sqrt(2).
    assert error.item() == pytest.approx(0 if alike else 0.8 * 2**0.5, abs=1e-5)


def test_of_two_turns_one_is_better_than_the_window_between_them() -> None:
    """The mean of opposite windows is a point; squares of distances would have it so."""
    truths = torch.cat([window(89), window(89), window(-89)])
    labels = torch.tensor([6, 6, 6])
    between = truths.mean(dim=0, keepdim=True).expand(3, -1, -1)
    one = window(89).expand(3, -1, -1)
    assert theta_error(one, truths, labels) < theta_error(between, truths, labels)
    squares = [(theta - truths).square().sum() for theta in (one, between)]
    assert squares[0] > squares[1]


def task_of(network: str) -> tuple[nn.Module, DigitTask]:
    recipe = replace(recipe_for(network), batch=4)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (8, 1, 28, 28), generator=generator, dtype=torch.uint8)
    digits = Examples(images, torch.arange(8), tuple("0123456789"))
    torch.manual_seed(0)
    return build(recipe.network, **recipe.arguments), DigitTask(digits, digits, recipe, CPU)


def test_every_look_is_guided_and_then_let_go() -> None:
    network, task = task_of("stn_digits")
    companions = task.companions(network)
    assert len(companions) == len(network.transformer.looks) == 2
    task.loss(network, companions, next(task.batches(0))).backward()
    learning = [*network.parameters(), *companions.parameters()]
    # A look's features are read by theta, which begins as zero, and by the companion.
    assert all(one.grad is not None and one.grad.isfinite().all() for one in learning)

    network.zero_grad(), companions.zero_grad()
    let_go = next(task.batches(task.recipe.guided_epochs))
    assert let_go.truth is None
    task.loss(network, companions, let_go).backward()
    first, second = network.transformer.looks.values()
    assert all(one.grad is None for one in companions.parameters())
    assert all(one.grad is None for one in first.parameters())
    assert second.theta.weight.grad.abs().sum() > 0


def test_the_control_has_no_transformer_and_no_guide() -> None:
    network, task = task_of("stn_digits_control")
    companions = task.companions(network)
    assert not list(companions.parameters())
    batch = next(task.batches(0))
    assert batch.truth is None
    task.loss(network, companions, batch).backward()
    assert all(one.grad is not None for one in network.parameters())
