"""Random numbers of another thread make no network one whose order is drawn."""

import random
import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fovea.models.places.layout import are_drawn, survey
from fovea.models.running.inference import run


class Disturbed(nn.Module):
    """Attention over patches. `draws`: what happens to the random numbers in pass 1, 2, …"""

    def __init__(self, draws: list[bool]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.draws, self.passes = nn.Conv2d(3, 8, 4, 4), draws, 0

    def forward(self, photo: Tensor) -> Tensor:
        if self.draws[min(self.passes, len(self.draws) - 1)]:
            elsewhere = threading.Thread(target=lambda: (random.random(), np.random.rand()))
            elsewhere.start()
            elsewhere.join()
        self.passes += 1
        x = self.patches(photo).flatten(2).transpose(1, 2)[:, None]
        return nn.functional.scaled_dot_product_attention(x, x, x).mean((1, 2))


@pytest.mark.parametrize(
    ("draws", "drawn"), [([True, False], False), ([True, True, False], False), ([True], True)]
)
def test_only_a_network_that_draws_in_every_pass_has_a_drawn_order(
    draws: list[bool], drawn: bool
) -> None:
    network = Disturbed(draws).eval()
    layouts = survey(network, torch.zeros(1, 3, 16, 24))
    assert are_drawn(layouts) is drawn
    _, (trace,) = run(network, torch.randn(1, 3, 16, 24), layouts)
    grid = trace.sites[0].grid
    assert grid is not None
    assert (grid.rows, grid.columns) == (4, 6)


def test_a_followed_pass_takes_random_numbers_once() -> None:
    network = Disturbed([True]).eval()
    random.seed(3)
    np.random.seed(3)
    survey(network, torch.zeros(1, 3, 16, 24))
    after = random.random(), np.random.rand()
    random.seed(3)
    np.random.seed(3)
    network(torch.zeros(1, 3, 16, 24))
    assert after == (random.random(), np.random.rand())
