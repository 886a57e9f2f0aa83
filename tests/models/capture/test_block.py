"""One token through a block: every number against the definitions, in float64."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from fovea.models.kinds.step import Step
from fovea.models.running.block_steps import block_steps
from fovea.models.running.inference import run, run_for_block
from tests.models.capture.test_stream import PHOTO, timm_vit

TOKEN = 3


class NormsAfter(nn.Module):
    """Add & norm as in Vaswani et al. 2017: torch's own layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(24, 2, 48, batch_first=True)
        self.patches = nn.Conv2d(3, 24, 8, 8)
        self.positions = nn.Parameter(torch.randn(1, 16, 24))
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(24, 5)
        for name, parameter in self.encoder.named_parameters():
            if "norm" in name:  # one and zero would hide a mistake
                nn.init.normal_(parameter, mean=1.0)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        answer: Tensor = self.head(self.encoder(tokens).mean(1))
        return answer


def steps_of(network: nn.Module, layer: int) -> list[Step]:
    _, (trace,) = run(network, PHOTO)
    site = trace.sites[layer]
    block = run_for_block(network, PHOTO, layer, site, TOKEN)
    assert block is not None
    return block_steps(block)


def outputs_of(network: nn.Module, *paths: str) -> dict[str, Tensor]:
    """What these modules give the token, in float64, and what they are given ("path<")."""
    twin, found = deepcopy(network).double(), {}

    def keep(path: str) -> None:
        def hook(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            found[path], found[f"{path}<"] = made[0, TOKEN], given[0][0, TOKEN]

        twin.get_submodule(path).register_forward_hook(hook)

    for path in paths:
        keep(path)
    with torch.no_grad():
        twin(PHOTO.double())
    return found


def close(step: Step, wanted: Tensor | float) -> None:
    assert step.values is not None
    torch.testing.assert_close(
        step.values.double(), torch.as_tensor(wanted).double(), rtol=1e-4, atol=1e-5
    )


def check_norm(steps: list[Step], norm: nn.LayerNorm, given: Tensor) -> None:
    """Ba et al. 2016, equations 3 and 4."""
    mean, variance = given.mean(), given.var(correction=0)
    normal = (given - mean) / (variance + norm.eps).sqrt()
    names = ["mean", "variance", "normalised", "gain", "bias", "norm"]
    assert [one.name for one in steps] == names
    gain, bias = norm.weight.detach().double(), norm.bias.detach().double()
    wanted = (mean, variance, normal, gain, bias, gain * normal + bias)
    for one, value in zip(steps, wanted, strict=True):
        close(one, value)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_block_that_norms_first(layer: int) -> None:
    network = timm_vit()
    for name, parameter in network.named_parameters():
        if "norm" in name:
            nn.init.normal_(parameter, mean=1.0)
    steps = steps_of(network, layer)
    at = f"blocks.{layer}"
    block = network.get_submodule(at)
    found = outputs_of(network, f"{at}.norm1", f"{at}.attn", f"{at}.norm2", f"{at}.mlp.fc1",
                       f"{at}.mlp.act", f"{at}.mlp", at)  # fmt: skip
    token = found[f"{at}.norm1<"]
    close(steps[0], token)
    check_norm(steps[1:7], block.norm1, token)
    between = token + found[f"{at}.attn"]
    assert [one.name for one in steps[7:9]] == ["attention", "sum"]
    close(steps[7], found[f"{at}.attn"])
    close(steps[8], between)
    check_norm(steps[9:15], block.norm2, between)
    rest = {one.name: one for one in steps[15:]}
    assert list(rest) == ["hidden", "activation", "feed-forward", "sum"]
    close(rest["hidden"], found[f"{at}.mlp.fc1"])
    close(rest["activation"], found[f"{at}.mlp.act"])
    close(rest["feed-forward"], found[f"{at}.mlp"])
    close(rest["sum"], found[at])


@pytest.mark.parametrize("layer", [0, 1])
def test_a_block_that_norms_after_the_sum(layer: int) -> None:
    network = NormsAfter().eval()
    steps = steps_of(network, layer)
    at = f"encoder.layers.{layer}"
    block = network.get_submodule(at)
    found = outputs_of(network, f"{at}.norm1", f"{at}.linear1", f"{at}.norm2", at)
    names = [one.name for one in steps]
    assert names[:3] == ["token", "attention", "sum"]
    close(steps[0], found[f"{at}<"])
    close(steps[2], found[f"{at}.norm1<"])
    check_norm(steps[3:9], block.norm1, found[f"{at}.norm1<"])
    assert names[9:13] == ["hidden", "activation", "feed-forward", "sum"]
    close(steps[9], found[f"{at}.linear1"])
    close(steps[10], found[f"{at}.linear1"].relu())
    close(steps[12], found[f"{at}.norm2<"])
    check_norm(steps[13:], block.norm2, found[f"{at}.norm2<"])
    close(steps[-1], found[at])


class RootMeanSquare(nn.Module):
    """A block as language models have it: RMSNorm and a gated feed-forward layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.patches = nn.Conv2d(3, 24, 8, 8)
        self.norm1, self.norm2 = nn.RMSNorm(24, eps=1e-6), nn.RMSNorm(24, eps=1e-6)
        self.attention = nn.MultiheadAttention(24, 2, batch_first=True)
        self.gate, self.up = nn.Linear(24, 40, bias=False), nn.Linear(24, 40, bias=False)
        self.down, self.head = nn.Linear(40, 24, bias=False), nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        normed = self.norm1(tokens)
        tokens = tokens + self.attention(normed, normed, normed)[0]
        normed = self.norm2(tokens)
        tokens = tokens + self.down(nn.functional.silu(self.gate(normed)) * self.up(normed))
        answer: Tensor = self.head(tokens.mean(1))
        return answer


def test_a_root_mean_square_and_a_gate() -> None:
    network = RootMeanSquare().eval()
    steps = steps_of(network, 0)
    found = outputs_of(network, "norm1", "norm2", "gate", "up", "down")
    assert [one.name for one in steps] == [
        "token", "mean square", "normalised", "gain", "norm", "attention", "sum",
        "mean square", "normalised", "gain", "norm",
        "hidden", "activation", "hidden", "gated", "feed-forward", "sum",
    ]  # fmt: skip
    close(steps[1], found["norm1<"].square().mean())
    close(steps[4], found["norm1"])
    close(steps[11], found["gate"])
    close(steps[13], found["up"])
    close(steps[14], found["down<"])
    close(steps[15], found["down"])
