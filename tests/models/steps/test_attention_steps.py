"""The steps of attention, against the formula in float64, whatever class computes it."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.kinds.attention.steps import attention_steps
from fovea.models.kinds.step import Step
from fovea.models.mechanisms.feature_map_attention import FeatureMapAttention
from fovea.models.running.inference import run, run_for_workings

declare_missing_operators()
from timm.models.vision_transformer import Attention  # noqa: E402

TOKENS, DIM, HEADS, HEAD_DIM = 7, 12, 3, 4
X = torch.randn(1, TOKENS, DIM, generator=torch.Generator().manual_seed(2))
QUERY, HEAD, KEY = 5, 2, 1


class Own(nn.Module):
    """Heads in one of two spellings, with a mask or without one."""

    def __init__(self, spelling: str, causal: bool = False) -> None:
        super().__init__()
        self.spelling, self.causal = spelling, causal
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, HEADS, HEAD_DIM)).permute(2, 0, 3, 1, 4)
        if self.spelling == "fused":
            out = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            out = (q @ k.transpose(-1, -2) / math.sqrt(HEAD_DIM)).softmax(-1) @ v
        projected: Tensor = self.proj(out.transpose(1, 2).flatten(2))
        return projected


class Torch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(DIM, HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.heads(x, x, x, need_weights=False)[0]
        return out


class Net(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.attention(x * 1.0) + 1
        return out


def told(network: nn.Module, x: Tensor = X, query: int = QUERY) -> dict[str, Step]:
    network.eval()
    _, (trace,) = run(network, x)
    site = trace.sites[0]
    workings = run_for_workings(network, x, 0, site)
    assert workings is not None
    head = HEAD if site.attention.shape[1] > 1 else 0
    return {step.name: step for step in attention_steps(site, workings, 0, query, head, KEY)}


def expected(weight: Tensor, bias: Tensor, causal: bool) -> dict[str, Tensor]:
    """Vaswani et al. 2017, equation 1, one query of one head, in float64."""
    projected = X[0].double() @ weight.double().T + bias.double()
    q, k, v = projected.view(TOKENS, 3, HEADS, HEAD_DIM).permute(1, 2, 0, 3)
    every = q @ k.transpose(1, 2) / math.sqrt(HEAD_DIM)
    if causal:
        every = every.masked_fill(torch.ones(TOKENS, TOKENS).triu(1).bool(), -torch.inf)
    shares = every.softmax(-1)
    return {
        "query": q[HEAD, QUERY],
        "key": k[HEAD, KEY],
        "scores": k[HEAD] @ q[HEAD, QUERY],
        "scaled": k[HEAD] @ q[HEAD, QUERY] / math.sqrt(HEAD_DIM),
        "softmax": shares[HEAD, QUERY],
        "value": v[HEAD, KEY],
        "weighted values": shares[HEAD, QUERY] * v[HEAD].norm(dim=1),
        "output": shares[HEAD, QUERY] @ v[HEAD],
        "heads": torch.stack([shares[head, QUERY] @ v[head] for head in range(HEADS)]),
        **({"masked": every[HEAD, QUERY]} if causal else {}),
    }


@pytest.mark.parametrize(
    ("attention", "causal"),
    [
        (Own("fused"), False),
        (Own("fused", causal=True), True),
        (Own("written out"), False),
        (Attention(DIM, HEADS, qkv_bias=True), False),
        (Torch(), False),
    ],
    ids=["fused", "causal", "written out", "timm", "torch"],
)
def test_every_step_is_the_papers(attention: nn.Module, causal: bool) -> None:
    torch.manual_seed(4)
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.5)
    network = Net(attention).eval()
    steps = told(network)
    if isinstance(attention, Torch):
        inner = attention.heads
        weight, bias, project = inner.in_proj_weight, inner.in_proj_bias, inner.out_proj
    else:
        weight, bias, project = attention.qkv.weight, attention.qkv.bias, attention.proj
    formula = expected(weight.detach(), bias.detach(), causal)
    assert formula.keys() <= steps.keys() <= formula.keys() | {"projected"}
    for name, values in formula.items():
        assert steps[name].values is not None
        torch.testing.assert_close(steps[name].values.double(), values, atol=1e-5, rtol=1e-5)
    if isinstance(attention, Torch):  # its output has the tokens before the photo
        return
    assert steps["projected"].values is not None
    out = project.weight.double() @ formula["heads"].flatten() + project.bias.double()
    torch.testing.assert_close(steps["projected"].values.double(), out, atol=1e-5, rtol=1e-5)


class Windows(nn.Module):
    """Written out as Swin's: a bias in place, a mask with the windows on an axis of their own."""

    def __init__(self, talking: bool = False) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.bias = nn.Parameter(torch.zeros(HEADS, 3, 3))
        self.mix = nn.Conv2d(HEADS, HEADS, 1) if talking else nn.Identity()
        self.register_buffer("mask", torch.zeros(1, 2, 1, 3, 3))
        self.mask[:, 1, :, 2, :2] = -100.0

    def forward(self, x: Tensor) -> Tensor:
        windows = x.view(2, 3, DIM)
        q, k, v = self.qkv(windows).unflatten(2, (3, HEADS, HEAD_DIM)).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2)
        scores *= HEAD_DIM**-0.5
        scores += self.bias.unsqueeze(0)
        scores = (scores.view(1, 2, HEADS, 3, 3) + self.mask).view(2, HEADS, 3, 3)
        out = self.mix(scores.softmax(-1)) @ v
        projected: Tensor = self.proj(out.transpose(1, 2).flatten(2))
        return projected.view(1, 6, DIM)


def steps_in_window(network: nn.Module, x: Tensor, window: int, query: int) -> dict[str, Step]:
    _, (trace,) = run(network, x)
    workings = run_for_workings(network, x, 0, trace.sites[0])
    assert workings is not None
    found = attention_steps(trace.sites[0], workings, window, query, HEAD, 0)
    return {step.name: step for step in found}


@pytest.mark.parametrize("window", [0, 1])
def test_scores_that_the_network_makes_itself_are_told_by_its_calls(window: int) -> None:
    torch.manual_seed(5)
    attention = Windows().eval()
    nn.init.normal_(attention.bias)
    x = torch.randn(1, 6, DIM)
    steps = steps_in_window(Net(attention).eval(), x, window, query=2)
    exact = Windows().double()
    exact.load_state_dict(attention.state_dict())
    projected = exact.qkv(x.double()[0].view(2, 3, DIM)[window])
    q, k, _ = projected.view(3, 3, HEADS, HEAD_DIM).permute(1, 2, 0, 3)
    scores = k[HEAD] @ q[HEAD, 2]
    biased = scores / 2 + exact.bias[HEAD, 2]
    formula = {
        "query": q[HEAD, 2],
        "key": k[HEAD, 0],
        "scores": scores,
        "scaled": scores / 2,
        "biased": biased,
        "masked": biased + exact.mask[0, window, 0, 2],
        "softmax": (biased + exact.mask[0, window, 0, 2]).softmax(0),
    }
    if window == 0:  # its mask hides nothing
        del formula["masked"]
    assert list(formula) == list(steps)[: len(formula)]
    for name, values in formula.items():
        told = steps[name].values
        assert told is not None
        torch.testing.assert_close(told.double(), values, atol=1e-5, rtol=1e-5)
    assert steps["scaled"].sentence == "divided by √4"


def test_scores_whose_softmax_is_not_what_weighs_are_not_told() -> None:
    """Talking heads mix what the softmaxes gave: no row of scores leads to a row of shares."""
    torch.manual_seed(6)
    network = Net(Windows(talking=True)).eval()
    steps = steps_in_window(network, torch.randn(1, 6, DIM), window=1, query=0)
    assert next(iter(steps)) == "softmax"
    assert "as the network itself made them" in steps["softmax"].sentence


def test_attention_on_a_feature_map_ends_with_gamma_and_what_was_there() -> None:
    torch.manual_seed(1)
    layer = FeatureMapAttention(16)
    nn.init.constant_(layer.gamma, 0.3)
    x = torch.randn(1, 16, 4, 5)
    steps = told(Net(layer), x, query=13)
    assert "scaled" not in steps, "equation 1 has no scale"
    assert steps["γ"].values == pytest.approx(0.3)
    exact = layer.double()
    maps = x.double()[0].flatten(1)
    f, g, h = (
        (one.weight[:, :, 0, 0] @ maps + one.bias[:, None]) for one in (exact.f, exact.g, exact.h)
    )
    beta = torch.softmax(f.T @ g[:, 13], dim=0)
    output = h @ beta
    for name, values in (
        ("softmax", beta),
        ("output", output),
        ("added", 0.3 * output + maps[:, 13]),
    ):
        assert steps[name].values is not None
        torch.testing.assert_close(steps[name].values.double(), values, atol=1e-5, rtol=1e-5)
