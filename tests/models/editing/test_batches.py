"""Edits of several photos at once are those of each alone, however heads and windows are folded;
and of a network that is called by keyword, they are those of the same network called plainly.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.editing.run import edit
from fovea.models.edits import (
    Edit,
    block,
    drop,
    mean,
    off,
    positions_off,
    skip,
    temperature,
    to_self,
    uniform,
)
from fovea.models.kinds.attention.rows import rows
from fovea.models.records import Attention
from fovea.models.running.observing import capture
from tests.models.editing.small_networks import net, seeded

PHOTOS = seeded(3, 3, 32, 32, seed=7)
EDITS: list[Edit] = [
    off("s00", heads=[1]),
    mean("s00", heads=[1]),
    uniform("s00", heads=[0]),
    to_self("s00", heads=[3]),
    temperature("s00", 2.0, heads=[2]),
    temperature("s00", 0.5),
    block("s00", keys=[[1, 2]]),
    block("s00", keys=[[1, 2]], queries=[[0, 3]], heads=[1]),
    drop("s00", [[1, 2]]),
]


class Folded(nn.Module):
    """Heads, or windows of 2 × 2 cells and heads, in the axis of the photos."""

    def __init__(self, form: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.form = form
        self.embed, self.qkv = nn.Conv2d(3, 32, 8, 8), nn.Linear(32, 96)
        self.out, self.head = nn.Linear(32, 32), nn.Linear(32, 5)

    def _attended(self, x: Tensor) -> Tensor:
        windows, tokens, _ = x.shape
        q, k, v = (
            one.unflatten(-1, (4, 8)).transpose(1, 2) for one in self.qkv(x).chunk(3, dim=-1)
        )
        if "folded" in self.form:
            q, k, v = (one.flatten(0, 1) for one in (q, k, v))
        if "written" in self.form:
            y = (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return y.reshape(windows, 4, tokens, 8).transpose(1, 2).flatten(2)

    def forward(self, photo: Tensor) -> Tensor:
        x = self.embed(photo).permute(0, 2, 3, 1)  # photo, row, column, dim
        if "windows" not in self.form:
            tokens = x.flatten(1, 2)
            return self.head((tokens + self.out(self._attended(tokens))).square().mean(1))
        apart = x.unflatten(2, (2, 2)).unflatten(1, (2, 2)).transpose(2, 3)
        y = self._attended(apart.flatten(3, 4).flatten(0, 2).flatten(1, -2)).view(apart.shape)
        y = y.transpose(2, 3).flatten(3, 4).flatten(1, 2)
        return self.head((x + self.out(y)).square().mean((1, 2)))


@pytest.mark.parametrize("change", EDITS, ids=lambda one: one.edit)
@pytest.mark.parametrize(
    "form", ["fused", "folded", "written", "written, folded", "windows", "windows, written"]
)
def test_photos_of_a_batch_are_edited_as_each_alone(form: str, change: Edit) -> None:
    network = Folded(form).eval()
    with torch.no_grad(), edit(network, change) as run:
        alone = torch.cat([run(photo[None]) for photo in PHOTOS])
    with torch.no_grad(), edit(network, change) as run:
        together = run(PHOTOS)
    assert torch.allclose(together, alone, atol=1e-6)
    with torch.no_grad():
        assert not torch.allclose(together, network(PHOTOS), atol=1e-6)


@pytest.mark.parametrize("form", ["folded", "written, folded"])
def test_a_head_that_is_folded_is_off_as_by_zeroed_columns(form: str) -> None:
    network = Folded(form).eval()
    with torch.no_grad(), edit(network, off("s00", heads=[2])) as run:
        found = run(PHOTOS)
    network.out.weight.data[:, 16:24] = 0
    with torch.no_grad():
        assert torch.allclose(found, network(PHOTOS), atol=1e-6)


@pytest.mark.parametrize("form", ["folded", "windows", "written, folded"])
def test_capture_inside_shows_each_photo_its_own_edited_shares(form: str) -> None:
    network = Folded(form).eval()
    with torch.no_grad(), edit(network, block("s00", keys=[[1, 2]])), capture(network) as seen:
        network(PHOTOS)
    for number in range(3):
        site = seen[number].sites[0]
        assert site.layout is not None
        assert site.layout.keys is not None
        hidden = site.layout.keys.cells == 1 * 4 + 2
        held = site.attention
        every = torch.arange(held.shape[2])
        shares = torch.stack([rows(_window(held, at), every) for at in range(held.shape[0])])
        assert float(shares.mul(hidden[:, None, None]).sum()) == 0
        assert torch.allclose(shares.sum(-1), torch.ones(()), atol=1e-5)


def _window(held: Attention, window: int) -> Attention:
    def of(one: Tensor | None) -> Tensor | None:
        return one if one is None or len(one) == 1 else one[window : window + 1]

    return replace(
        held,
        query=of(held.query),
        key=of(held.key),
        mask=of(held.mask),
        probabilities=of(held.probabilities),
    )


class Named(nn.Module):
    """A network whose photo comes by name, as those of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.own = net()

    def forward(self, *, pixel_values: Tensor, gain: float = 1.0) -> Tensor:
        return self.own(pixel_values) * gain


@pytest.mark.parametrize("change", [skip("s00"), positions_off()], ids=lambda one: one.edit)
def test_a_network_called_by_keyword_takes_every_edit(change: Edit) -> None:
    network = Named().eval()
    with torch.no_grad(), edit(network, change) as run:
        found = run(pixel_values=PHOTOS, gain=2.0)
    with torch.no_grad(), edit(network.own, change) as run:
        assert torch.allclose(found, 2 * run(PHOTOS), atol=1e-6)
    with torch.no_grad():
        assert not torch.allclose(found, 2 * network.own(PHOTOS), atol=1e-6)


class Reading(nn.Module):
    """Patches that look at each other, and three learned queries that look at them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.asks = nn.Conv2d(3, 32, 8, 8), nn.Parameter(seeded(1, 3, 32, seed=1))
        self.within = nn.MultiheadAttention(32, 4, batch_first=True)
        self.across = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, photo: Tensor) -> Tensor:
        tokens = self.embed(photo).flatten(2).transpose(1, 2)
        tokens = tokens + self.within(tokens, tokens, tokens, need_weights=False)[0]
        asks = self.asks.expand(len(photo), -1, -1)
        return self.across(asks, tokens, tokens, need_weights=False)[0]


def test_dropped_tokens_are_dropped_for_whoever_looks_at_them_later() -> None:
    """A detector's queries look at the same patches: nothing of a dropped one is left in the
    answer but what it gives itself.
    """
    network = Reading().eval()
    moved = PHOTOS.clone()
    moved[:, :, 8:16, 16:24] += 5
    with torch.no_grad(), edit(network, drop("s00", [[1, 2]])) as run:
        assert torch.allclose(run(PHOTOS), run(moved), atol=1e-6)
    with torch.no_grad(), edit(network, block("s00", keys=[[1, 2]])) as run:
        assert not torch.allclose(run(PHOTOS), run(moved), atol=1e-3)


class Pyramid(nn.Module):
    """4 × 4 patches, then 2 × 2 of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.merge = nn.Conv2d(3, 32, 8, 8), nn.Conv2d(32, 32, 2, 2)
        self.first = nn.MultiheadAttention(32, 4, batch_first=True)
        self.second = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, photo: Tensor) -> Tensor:
        x = self.embed(photo)
        for own, after in ((self.first, self.merge), (self.second, nn.Identity())):
            tokens = x.flatten(2).transpose(1, 2)
            tokens = tokens + own(tokens, tokens, tokens, need_weights=False)[0]
            x = after(tokens.transpose(1, 2).unflatten(2, x.shape[2:]))
        return x


def test_dropped_tokens_are_no_others_of_a_coarser_grid() -> None:
    network = Pyramid().eval()
    for tokens in ([[1, 1]], [1]):
        with torch.no_grad(), edit(network, drop("s00", tokens)) as run:
            found = run(PHOTOS)
        with torch.no_grad(), edit(network, block("s00", keys=tokens)) as run:
            assert torch.allclose(found, run(PHOTOS), atol=1e-6)
