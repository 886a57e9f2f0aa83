"""Places of this pass, in whatever order its tokens are.

Where a token was is found by a second look that shares nothing with the following: the photo's
cells are painted with their own numbers, so that each token says itself where it came from.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.running.inference import run, run_for_class
from fovea.models.running.observing import capture

GRID = (4, 6)


def numbered(count: int = 1) -> Tensor:
    """(count, 3, 4, 6): pixel (row, column) is 6·row + column + 1."""
    return torch.arange(1.0, 25.0).view(1, 1, *GRID).repeat(count, 3, 1, 1)


class Telling(nn.Module):
    """Tokens that keep the number of their pixel; `order` puts them in another order."""

    def __init__(self, order) -> None:
        super().__init__()
        self.order = order
        self.first = nn.Conv2d(3, 8, 1, bias=False)
        with torch.no_grad():
            self.first.weight.zero_()
            self.first.weight[:, 0] = 1
        self.told: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        z = self.order(self.first(x).flatten(2).transpose(1, 2))
        self.told.append(z.detach()[..., 0].round().long() - 1)
        z = z[:, None] / 24
        return F.scaled_dot_product_attention(z, z, z)[:, 0].mean(1)


def by_noise(z: Tensor) -> Tensor:
    """ViTMAE's: a random order, of which a part is kept."""
    order = torch.rand(z.shape[:2]).argsort(1)[:, :15]
    return z.gather(1, order.unsqueeze(-1).expand(-1, -1, z.shape[2]))


def dropped(z: Tensor) -> Tensor:
    """PatchDropout's: the same for all photos."""
    return z[:, torch.randperm(z.shape[1])[:9].sort().values]


def by_numpy(z: Tensor) -> Tensor:
    return z[:, torch.from_numpy(np.random.permutation(z.shape[1]))]


def by_python(z: Tensor) -> Tensor:
    return z[:, random.sample(range(z.shape[1]), 11)]


def by_score(z: Tensor) -> Tensor:
    """EViT's: the tokens that score highest; the photo decides."""
    kept = (z[..., 0] * 7 % 11).topk(10).indices
    return torch.take_along_dim(z, kept.unsqueeze(-1), 1)


def by_mask(z: Tensor) -> Tensor:
    """DynamicViT's at inference: what is above a threshold."""
    return z[:, (z[0, :, 0] * 5 % 13) > 6]


def by_multinomial(z: Tensor) -> Tensor:
    """ViLT's draw of which patches stay."""
    kept = torch.multinomial(torch.ones(z.shape[1]), 12)
    return torch.index_select(z, 1, kept)


def fixed(z: Tensor) -> Tensor:
    """A Hilbert-like order, the same in every pass."""
    return z[:, torch.arange(z.shape[1]).flip(0)]


ORDERS = {f.__name__: f for f in (by_noise, dropped, by_numpy, by_python, by_score, by_mask)} | {
    "by_multinomial": by_multinomial,
    "fixed": fixed,
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_tokens_stand_where_this_pass_put_them(name: str, training: bool) -> None:
    network = Telling(ORDERS[name]).train(training)
    with torch.no_grad(), capture(network) as trace:
        network(numbered())
    told = network.told[0][0]
    (site,) = trace.sites
    assert site.layout is not None, site.note
    assert torch.equal(site.layout.keys.cells[0].long(), told)
    assert site.layout.keys.grid.shape == GRID or name == "by_mask"


@pytest.mark.parametrize("name", ["by_noise", "by_score", "dropped"])
def test_each_photo_of_a_batch_has_its_own_order(name: str) -> None:
    network = Telling(ORDERS[name]).eval()
    batch = torch.cat([numbered(), numbered().flip(3), numbered().flip(2)])
    with torch.no_grad(), capture(network) as trace:
        network(batch)
    told = network.told[0]
    for index in range(3):
        plain = numbered()[0, 0].flatten().long() - 1
        at = {int(v): i for i, v in enumerate((batch[index, 0].flatten().long() - 1).tolist())}
        expected = torch.tensor([at[int(v)] for v in told[index]])
        assert plain.numel() == 24
        (site,) = trace[index].sites
        assert site.layout is not None, site.note
        assert torch.equal(site.layout.keys.cells[0].long(), expected)
    (whole,) = trace.sites
    assert whole.layout is None
    assert "look at one of them" in whole.note


@pytest.mark.parametrize("name", ["by_noise", "by_score", "by_mask"])
def test_a_server_follows_such_networks_in_the_pass_that_it_shows(name: str) -> None:
    network = Telling(ORDERS[name]).eval()
    _, traces = run(network, torch.cat([numbered(), numbered()]))
    for told, trace in zip(network.told[-2:], traces, strict=True):
        assert torch.equal(trace.sites[0].layout.keys.cells[0].long(), told[0])
    _, for_class = run_for_class(network, numbered(), 1)
    assert torch.equal(for_class.sites[0].layout.keys.cells[0].long(), network.told[-1][0])
    assert for_class.sites[0].attention.output_gradient is not None


def test_an_order_that_no_state_explains_is_unknown() -> None:
    """Drawn from a source outside of torch, Python and NumPy: it cannot be drawn again."""
    own = torch.Generator().manual_seed(3)

    def order(z: Tensor) -> Tensor:
        return z[:, torch.randperm(z.shape[1], generator=own)]

    network = Telling(order).eval()
    with torch.no_grad(), capture(network) as trace:
        network(numbered())
    (site,) = trace.sites
    assert site.layout is None
    assert "draws anew" in site.note


def test_an_order_of_another_pass_is_not_taken_over() -> None:
    network = Telling(by_noise).eval()
    with torch.no_grad(), capture(network) as first:
        network(numbered())
    with torch.no_grad(), capture(network, places=first.layouts) as second:
        network(numbered())
    assert second.sites[0].layout is None
    assert "draws anew" in second.sites[0].note
