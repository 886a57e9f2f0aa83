"""Shares of misread digits, against labels that are right or wrong by what is known."""

import pytest
import torch

from fovea.models.networks import build
from training.claims.digit_errors import errors
from training.examples.data import Examples
from training.examples.distortions import draw
from training.recipes import stn_digits, stn_digits_control
from training.tasks.digits import normalise

COUNT = 40
DRAWS = range(3, 5)


def digits() -> Examples:
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand((COUNT, 1, 28, 28), generator=generator) > 0.7).to(torch.uint8) * 255
    return Examples(images, torch.zeros(COUNT, dtype=torch.int64), tuple("0123456789"))


def guesses(network: torch.nn.Module, examples: Examples) -> torch.Tensor:
    """(draw, digit)."""
    said = []
    for seed in DRAWS:
        generator = torch.Generator().manual_seed(seed)
        canvases, _ = draw(examples.images, examples.images, generator)
        said.append(network(normalise(canvases)).argmax(dim=1))
    return torch.stack(said)


@pytest.mark.parametrize("recipe", [stn_digits.RECIPE, stn_digits_control.RECIPE])
def test_errors_are_counted_draw_by_draw(recipe) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(1)
    network = build(recipe.network, **recipe.arguments).eval()
    network.head.weight.data.mul_(50)  # so that it does not say the same of all
    examples = digits()
    with torch.inference_mode():
        said = guesses(network, examples)
    labels = said[0].clone()
    found = errors(network, Examples(examples.images, labels, examples.classes), DRAWS)
    expected = (said != labels).double().mean(dim=1)
    assert expected[0] == 0
    assert found["error_least"] == 0
    assert found["error_greatest"] == pytest.approx(expected[1].item())
    assert found["error"] == pytest.approx(expected.mean().item())
    assert ("error_with_true_windows" in found) == (recipe is stn_digits.RECIPE)


def test_every_digit_is_far_turned_or_another() -> None:
    network = build("stn", looks=2).eval()
    examples = digits()
    with torch.inference_mode():
        never = (guesses(network, examples)[0] + 1) % 10
    found = errors(network, Examples(examples.images, never, examples.classes), range(3, 4))
    assert found["error"] == found["error_far_turned"] == found["error_others"] == 1
    # It looks at the whole canvas as it is: a window that is off where the digit is turned.
    assert 0.5 < found["of_windows_off"] < 1
