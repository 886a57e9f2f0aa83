"""Gates: what is one, what is not, and that the values are true."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture


class ChannelGate(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.fc = form, nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.fc(x.mean((2, 3)))
        if self.form == "view":
            self.gate = torch.sigmoid(scores).view(*scores.shape, 1, 1)
            return x * self.gate
        if self.form == "expand":
            self.gate = scores.sigmoid()[:, :, None, None]
            return self.gate.expand_as(x) * x
        if self.form == "written out":
            self.gate = (F.relu6(scores + 3) / 6)[:, :, None, None]
            return x * self.gate
        if self.form == "written out, in place":
            self.gate = scores.add_(3.0).clamp_(0.0, 6.0).div_(6.0)[:, :, None, None]
            return x * self.gate
        if self.form == "written out, times a sixth":
            self.gate = (F.hardtanh(scores + 3, 0.0, 6.0) * (1 / 6)).view(-1, 6, 1, 1)
            return x * self.gate
        if self.form == "clipped":
            self.gate = torch.clamp(scores / 6 + 0.5, min=0, max=1)[:, :, None, None]
            return x * self.gate
        if self.form == "in place":
            self.gate = F.hardsigmoid(scores).unsqueeze(-1).unsqueeze(-1)
            return x.mul_(self.gate)
        if self.form == "channels last":
            gate = nn.Sigmoid()(scores)[:, None, None]
            self.gate = gate.permute(0, 3, 1, 2)
            return (x.permute(0, 2, 3, 1) * gate).permute(0, 3, 1, 2)
        raise AssertionError(self.form)


@pytest.mark.parametrize(
    "form",
    [
        "view",
        "expand",
        "in place",
        "channels last",
        "written out",
        "written out, in place",
        "written out, times a sixth",
        "clipped",
    ],
)
def test_channel_gates(form: str) -> None:
    module, x = ChannelGate(form), torch.randn(2, 6, 5, 7)
    before = x.clone()
    with torch.inference_mode(), capture(module, features=True) as recording:
        module(x)
    (site,) = recording.trace.sites
    assert (site.kind, site.channels) == ("channel-gate", 6)
    assert torch.equal(site.gate.values, module.gate)
    assert torch.equal(site.gate.features, before)


@pytest.mark.parametrize("branches", [2, 3])
def test_branches_that_compete_are_a_channel_gate(branches: int) -> None:
    """Selective kernels: a softmax over branches, one factor a channel (Li et al. 2019, eq. 5)."""
    maps, scores = torch.randn(1, branches, 4, 5, 5), torch.randn(1, branches, 4, 1, 1)
    module = nn.Identity()
    with capture(module, features=True) as recording:
        (maps * scores.softmax(1)).sum(1)
    (site,) = recording.trace.sites
    expected = scores.exp() / scores.exp().sum(1, keepdim=True)
    assert site.kind == "channel-gate"
    assert (site.gate.values - expected.reshape(1, -1, 1, 1)).abs().max() < 1e-6
    assert torch.equal(site.gate.features, maps.flatten(1, 2))
    assert f"softmax over {branches}" in site.note


def test_features_are_kept_only_when_asked_for() -> None:
    module = ChannelGate("view")
    with capture(module) as recording:
        module(torch.randn(2, 6, 5, 7))
    assert recording.trace.sites[0].gate.features is None
    assert recording.trace.nbytes == 2 * 6 * 4


def test_spatial_gate() -> None:
    class Spatial(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            self.gate = torch.cat((x.mean(1, True), x.amax(1, True)), 1).mean(1, True).sigmoid()
            return x * self.gate

    module = Spatial()
    with capture(module) as recording:
        module(torch.randn(3, 6, 5, 7))
    (site,) = recording.trace.sites
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate)


@pytest.mark.parametrize(
    "product",
    [
        lambda x: x * x.sigmoid(),  # SiLU
        lambda x: x[:, :3] * x[:, 3:].sigmoid(),  # GLU
        lambda x: x.sigmoid() * 2.0,
        lambda x: x * torch.sigmoid(torch.randn(())),  # one factor for everything
        lambda x: x * nn.Parameter(torch.randn(6, 1, 1)).sigmoid(),  # the same for every photo
        lambda x: x.softmax(-1) * x.mean((2, 3), keepdim=True).sigmoid(),  # of a matrix' heads
    ],
    ids=["silu", "glu", "scalar", "one factor", "parameter", "matrix"],
)
def test_products_that_are_no_gates(product) -> None:
    with capture(nn.Identity()) as recording:
        product(torch.randn(2, 6, 5, 5))
    assert recording.trace.sites == ()
