"""What is noted of one site, and what is not."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import workings as noted
from fovea.models.running.inference import run, run_for_workings


class Whole(nn.Module):
    """A network that is one module: everything it calls lies in the site's own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(8, 3, 3, 3))
        self.squeeze = nn.Parameter(torch.randn(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(5):
            x = x.relu() + 0.1
        x = F.conv2d(x, self.first)
        gate = torch.sigmoid(F.linear(x.mean((2, 3)), self.squeeze))
        x = x * gate[:, :, None, None]
        for _ in range(40):
            x = x.relu() + 0.1
        return x


PHOTO = torch.randn(1, 3, 20, 20)


def test_what_led_to_a_gate_begins_at_its_map() -> None:
    network = Whole().eval()
    _, (trace,) = run(network, PHOTO)
    found = run_for_workings(network, PHOTO, 0, trace.sites[0])
    assert found is not None
    names = [operation.name for operation in found.before]
    assert names == ["mean", "linear", "sigmoid", "getitem"]
    assert found.before[1].parameters[0].shape == (8, 8)
    assert len(found.after) == noted.AFTER


def test_little_is_kept_of_a_large_network() -> None:
    network = Whole().eval()
    _, (trace,) = run(network, PHOTO)
    budget, noted.MOST = noted.MOST, 1500
    try:
        found = run_for_workings(network, PHOTO, 0, trace.sites[0])
    finally:
        noted.MOST = budget
    assert found is not None
    kept = [one for one in (*found.before, *found.after) if one.made is not None]
    assert sum(one.made.numel() for one in kept if one.made is not None) <= 1500
    assert any(one.made is None and one.shape == (1, 8, 18, 18) for one in found.after)


def test_a_site_that_is_not_met_is_none() -> None:
    network = Whole().eval()
    _, (trace,) = run(network, PHOTO)
    assert run_for_workings(network, PHOTO, 1, trace.sites[0]) is None
