"""The steps of a spatial transformer, against torch's own sampler."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.kinds.step import Step
from fovea.models.kinds.warp.steps import sampling_steps
from fovea.models.running.inference import run, run_for_workings


class Transformer(nn.Module):
    """Reads its input through a turned and moved window."""

    def __init__(self, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.localisation = nn.Sequential(nn.Flatten(), nn.Linear(2 * 9 * 8, 12), nn.Tanh())
        self.theta = nn.Linear(12, 6)
        nn.init.normal_(self.theta.weight, std=0.1)
        with torch.no_grad():
            self.theta.bias.copy_(torch.tensor([0.7, -0.5, 0.2, 0.5, 0.7, -0.1]))

    def forward(self, x: Tensor) -> Tensor:
        theta = self.theta(self.localisation(x)).view(-1, 2, 3)
        grid = F.affine_grid(theta, [len(x), 2, 5, 6], align_corners=self.align_corners)
        return F.grid_sample(x, grid, align_corners=self.align_corners) * 2


def told(align_corners: bool, row: int, column: int) -> tuple[dict[str, Step], nn.Module, Tensor]:
    torch.manual_seed(0)
    network, x = Transformer(align_corners).eval(), torch.randn(1, 2, 9, 8)
    _, (trace,) = run(network, x)
    workings = run_for_workings(network, x, 0, trace.sites[0])
    assert workings is not None
    steps = sampling_steps(trace.sites[0], workings, row, column)
    return {step.name: step for step in steps}, network, x


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 3), (4, 5)])
def test_every_pixel_is_read_as_torch_reads_it(align_corners: bool, row: int, column: int) -> None:
    steps, network, x = told(align_corners, row, column)
    with torch.no_grad():
        read = network(x)[0, :, row, column] / 2
    assert steps["read"].values is not None
    torch.testing.assert_close(steps["read"].values, read, atol=1e-5, rtol=1e-5)
    theta, point, here = (steps[name].values for name in ("theta", "source point", "output point"))
    assert theta is not None
    assert here is not None
    assert point is not None
    torch.testing.assert_close(theta[:, :2] @ here + theta[:, 2], point, atol=1e-5, rtol=1e-5)
    weights = steps["neighbours"].values
    assert weights is not None
    assert weights[:, 2].sum().item() == pytest.approx(1, abs=1e-5)


def test_the_localisation_network_speaks_first() -> None:
    steps, network, x = told(True, 1, 1)
    with torch.no_grad():
        features = network.localisation(x)[0]
    assert next(iter(steps)) == "localisation"
    assert torch.equal(steps["localisation"].values, features)
