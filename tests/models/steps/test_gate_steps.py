"""The steps of gates, against the papers' formulas in float64, for this project's and others'."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.kinds.gate.steps import gate_steps
from fovea.models.kinds.step import Step
from fovea.models.mechanisms.cbam import CBAM
from fovea.models.mechanisms.efficient_channel_attention import EfficientChannelAttention
from fovea.models.mechanisms.squeeze_excitation import SqueezeExcitation
from fovea.models.records import UnknownSite
from fovea.models.running.inference import run, run_for_workings
from fovea.models.running.steps import steps

declare_missing_operators()
from timm.layers import EcaModule, SEModule  # noqa: E402
from timm.layers.cbam import CbamModule  # noqa: E402

SEED = torch.Generator().manual_seed(3)
MAPS = torch.randn(1, 16, 6, 5, generator=SEED)


class Net(nn.Module):
    """A gate between two other things that the network does."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.before, self.gate, self.after = nn.Conv2d(16, 16, 1), gate, nn.Conv2d(16, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        passed: Tensor = self.after(self.gate(self.before(x)).sigmoid())
        return passed


def told(gate: nn.Module, index: int = 0) -> tuple[list[Step], Tensor, nn.Module]:
    """(steps, the feature map in float64, the gate in float64) of one site."""
    torch.manual_seed(5)
    network = Net(gate).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.4)
    _, (trace,) = run(network, MAPS)
    site = trace.sites[index]
    workings = run_for_workings(network, MAPS, index, site)
    assert workings is not None
    exact = network.double()
    return gate_steps(site, workings), exact.before(MAPS.double()), exact.gate


def same(step: Step, expected: Tensor) -> None:
    assert step.values is not None
    assert step.shape == tuple(step.values.shape)
    torch.testing.assert_close(step.values.double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("make", [lambda: SqueezeExcitation(16, 4), lambda: SEModule(16)])
def test_squeeze_and_excitation_is_told_layer_by_layer(make: Callable[[], nn.Module]) -> None:
    steps, x, gate = told(make())
    assert [step.name for step in steps] == [
        "mean", "fully connected", "relu", "fully connected", "sigmoid", "scale",
    ]  # fmt: skip
    first, second = [one for one in gate.modules() if isinstance(one, nn.Linear | nn.Conv2d)]
    squeezed = x.mean((2, 3))[0]
    wide = first.weight.flatten(1) @ squeezed + first.bias
    hidden = wide.clamp(min=0)
    scores = second.weight.flatten(1) @ hidden + second.bias
    factor = 1 / (1 + torch.exp(-scores))
    for step, expected in zip(
        steps, (squeezed, wide, hidden, scores, factor, squeezed * factor), strict=True
    ):
        same(step, expected)
        assert step.axes == ("channel",)
    assert steps[1].sentence == f"a layer from 16 to {len(wide)}"


@pytest.mark.parametrize("make", [lambda: EfficientChannelAttention(16), lambda: EcaModule(16)])
def test_eca_is_one_convolution_over_neighbouring_channels(make: Callable[[], nn.Module]) -> None:
    steps, x, gate = told(make())
    assert [step.name for step in steps] == ["mean", "convolution", "sigmoid", "scale"]
    (convolution,) = [one for one in gate.modules() if isinstance(one, nn.Conv1d)]
    kernel = convolution.weight.flatten()
    reach = len(kernel) // 2
    squeezed = nn.functional.pad(x.mean((2, 3))[0], (reach, reach))
    scores = torch.stack([kernel @ squeezed[c : c + len(kernel)] for c in range(16)])
    same(steps[1], scores)
    same(steps[2], torch.sigmoid(scores))
    assert f"{len(kernel)} neighbouring" in steps[1].sentence


def test_the_channel_gate_of_cbam_has_two_branches() -> None:
    steps, x, gate = told(CBAM(16, 4))
    layers = ["fully connected", "relu", "fully connected"]
    assert [step.name for step in steps] == [
        "mean", "maximum", *layers, *layers, "sum", "sigmoid", "scale",
    ]  # fmt: skip
    same(steps[0], x.mean((2, 3))[0])
    same(steps[1], x.amax((2, 3))[0])
    mean, largest = (gate.channel.excite(pooled) for pooled in (x.mean((2, 3)), x.amax((2, 3))))
    same(steps[4], mean[0])
    same(steps[7], largest[0])
    same(steps[8], (mean + largest)[0])


@pytest.mark.parametrize("make", [lambda: CBAM(16, 4), lambda: CbamModule(16)])
def test_the_spatial_gate_of_cbam_pools_over_channels(make: Callable[[], nn.Module]) -> None:
    steps, _, _ = told(make(), index=1)
    pooled, largest, convolved, normalised, factor, scaled = steps
    assert (pooled.name, largest.name, convolved.name) == ("mean", "maximum", "convolution")
    assert "over the channels, at every place" in pooled.sentence
    assert all(step.axes == ("row", "column") for step in steps)
    assert all(step.shape == (6, 5) for step in steps)
    assert "7 × 7" in convolved.sentence
    assert factor.values is not None
    assert pooled.values is not None
    assert scaled.values is not None
    torch.testing.assert_close(scaled.values, pooled.values * factor.values)
    assert normalised.values is not None
    torch.testing.assert_close(factor.values, normalised.values.sigmoid())


class HardGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.fc(x.mean((2, 3)))
        return x.mul_(scores.add_(3.0).clamp_(0.0, 6.0).div_(6.0)[:, :, None, None])


def test_a_gate_written_out_in_place_is_told_as_it_ran() -> None:
    steps, x, gate = told(HardGate())
    assert [step.name for step in steps] == [
        "mean", "fully connected", "shifted", "clamp", "divided", "scale",
    ]  # fmt: skip
    scores = gate.fc(x.mean((2, 3)))[0]
    clamped = (scores + 3).clamp(0, 6)
    expected = (scores, scores + 3, clamped, clamped / 6)
    for step, values in zip(steps[1:-1], expected, strict=True):
        same(step, values)


def test_straight_from_the_network() -> None:
    network = Net(SqueezeExcitation(16, 4)).eval()
    assert [one.name for one in steps(network, MAPS, "s00")][-2:] == ["sigmoid", "scale"]
    with pytest.raises(UnknownSite, match="s00"):
        steps(network, MAPS, "s07")


def test_what_the_rest_of_the_network_does_is_no_step() -> None:
    found, _, _ = told(SqueezeExcitation(16, 4))
    assert {step.module for step in found[:-1]} == {"gate", "gate.squeeze", "gate.excite"}
