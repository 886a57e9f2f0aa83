"""Attention that a network writes out itself: a site where rows are distributions, else named."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture

X = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(0))


def scores(x: Tensor) -> Tensor:
    return x @ x.transpose(1, 2) / 4


SHARES = torch.softmax(X.double() @ X.double().transpose(1, 2) / 4, -1)


def shifted(x: Tensor) -> Tensor:
    high = scores(x)
    return torch.exp(high - high.amax(-1, keepdim=True))


def divided(p: Tensor) -> Tensor:
    return p / p.sum(-1, keepdim=True)


SITES: dict[str, Callable[[Tensor], Tensor]] = {
    "exp over sum": lambda x: divided(shifted(x)) @ x,
    "times one over the sum": lambda x: (
        (lambda p: p * p.sum(-1, keepdim=True).reciprocal())(shifted(x)) @ x
    ),
    "exp2": lambda x: divided(torch.exp2(scores(x) * 1.4426950408889634)) @ x,
    "log_softmax, exp": lambda x: scores(x).log_softmax(-1).exp().matmul(x),
    "logsumexp": lambda x: (scores(x) - scores(x).logsumexp(-1, keepdim=True)).exp() @ x,
    "softmin": lambda x: F.softmin(-scores(x), dim=-1) @ x,
    "private softmax": lambda x: torch._softmax(scores(x), -1, False) @ x,
    "baddbmm": lambda x: torch.baddbmm(x, scores(x).softmax(-1), x),
    "linalg.matmul": lambda x: torch.linalg.matmul(scores(x).softmax(-1), x),
    "inner": lambda x: torch.stack(
        [torch.inner(one, other.t()) for one, other in zip(scores(x).softmax(-1), x, strict=True)]
    ),
    "mT": lambda x: (x.mT @ scores(x).softmax(-1).mT).mT,
    "detached": lambda x: scores(x).softmax(-1).detach() @ x,
    "nan to num": lambda x: scores(x).softmax(-1).nan_to_num() @ x,
}


@pytest.mark.parametrize("name", SITES)
def test_a_distribution_over_keys_is_a_site(name: str) -> None:
    module = nn.Identity()
    plain = SITES[name](X)
    with capture(module) as recording:
        assert torch.equal(SITES[name](X), plain)
    found = [site.attention.probabilities for site in recording.trace.sites]
    assert (torch.cat(found).reshape(SHARES.shape) - SHARES).abs().max() < 1e-6
    assert not recording.unseen


def test_one_query_written_as_an_equation_and_head_by_head() -> None:
    weights = torch.randn(2, 7)
    with capture(nn.Identity()) as recording:
        torch.einsum("bn,bnd->bd", weights.softmax(1), X)
        for head in X[0].split(8, -1):
            torch.mm(torch.mm(head, head.t()).softmax(-1), head)
    one, *heads = [site.attention.probabilities for site in recording.trace.sites]
    assert torch.equal(one[:, 0, 0], weights.softmax(1))
    assert len(heads) == 2
    for part, found in zip(X[0].double().split(8, -1), heads, strict=True):
        assert (found[0, 0] - torch.softmax(part @ part.t(), -1)).abs().max() < 1e-6


def test_a_sink_that_carries_no_value_is_told() -> None:
    sink = torch.zeros(2, 7, 1)
    with capture(nn.Identity()) as recording:
        torch.cat([scores(X), sink], -1).softmax(-1)[..., :-1] @ X
    (site,) = recording.trace.sites
    expected = torch.cat([scores(X), sink], -1).softmax(-1)[..., :-1]
    assert torch.equal(site.attention.probabilities[:, 0], expected)
    assert "carry no value" in site.note


NAMED: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda x: torch.sigmoid(scores(x)) @ x,
    "squared ReLU": lambda x: torch.relu(scores(x)).square() @ x,
    "divided by N": lambda x: scores(x) / 7 @ x,
    "linear": lambda x: (F.elu(x) + 1) @ ((F.elu(x) + 1).transpose(1, 2) @ x),
    "cosine": lambda x: torch.bmm(F.normalize(x, dim=-1) @ F.normalize(x, dim=-1).mT, x),
}


@pytest.mark.parametrize("name", NAMED)
def test_weights_that_are_no_distribution_are_named(name: str) -> None:
    with capture(nn.Identity()) as recording:
        NAMED[name](X)
    assert not recording.trace.sites
    (named,) = recording.unseen
    assert (named.what, named.file) == ("attention", __file__)
    assert "no distribution" in named.reason


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x * torch.sigmoid(x),
        lambda x: x.mean(1).softmax(-1),
        lambda x: F.cross_entropy(x[:, 0], torch.tensor([1, 2])),
        lambda x: (x @ LAYER.weight.t()).relu() @ LAYER.weight,
    ],
    ids=["SiLU", "classes", "loss", "layers by hand"],
)
def test_what_attends_to_nothing_is_not_named(call: Callable[[Tensor], Tensor]) -> None:
    with capture(LAYER) as recording:
        call(X)
    assert not recording.trace.sites
    assert not recording.unseen


LAYER = nn.Linear(16, 16)
