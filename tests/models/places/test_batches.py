"""Photos of a batch: what is shown of all of them at once is what each has alone."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.running.observing import capture

PHOTOS = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Eight patches; the test says how they attend, from (photo, head, token, head_dim)."""

    def __init__(self, attend: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 16, 16, 16)
        self.attend = attend

    def forward(self, photos: Tensor) -> Tensor:
        tokens = self.patches(photos).flatten(2).transpose(1, 2)
        return self.attend(tokens.unflatten(-1, (2, 8)).transpose(1, 2)).mean(-1)


def attended(x: Tensor) -> Tensor:
    return (x @ x.mT).softmax(-1) @ x


HOW: dict[str, Callable[[Tensor], Tensor]] = {
    "heads in the batch": lambda x: torch.bmm(
        torch.bmm(x.flatten(0, 1), x.flatten(0, 1).mT).softmax(-1), x.flatten(0, 1)
    ),
    "groups of heads": lambda x: torch.einsum(
        "bghij,bgjd->bghid", (x[:, :, None] @ x[:, :, None].mT).softmax(-1), x
    ),
    "windows after the heads": lambda x: attended(x.unflatten(2, (2, 4))),
    "one query, a window of its own": lambda x: (
        (x[..., None] * x.unfold(2, 3, 1)[:, :, [0, *range(6), 5]])
        .sum(-2)
        .softmax(-1)[..., None, :]
        * x.unfold(2, 3, 1)[:, :, [0, *range(6), 5]]
    ).sum(-1),
}


@pytest.mark.parametrize("name", HOW)
@torch.no_grad()
def test_a_batch_shows_each_photo_as_it_is_alone(name: str) -> None:
    net = Net(HOW[name])
    with capture(net) as both:
        net(PHOTOS)
    (whole,) = both.sites
    alone = []
    for index in range(2):
        with capture(net) as trace:
            net(PHOTOS[index : index + 1])
        (site,) = trace.sites
        alone.append(site.attention.probabilities)
        assert site.layout is not None
        assert whole.layout is not None
        assert torch.equal(site.layout.keys.cells, whole.layout.keys.cells)
    assert (whole.attention.probabilities - torch.cat(alone)).abs().max() < 1e-6


@torch.no_grad()
def test_a_subclass_of_tensors_keeps_its_places() -> None:
    class Own(Tensor):
        pass

    class Wrapped(Net):
        def forward(self, photos: Tensor) -> Tensor:
            return super().forward(photos.as_subclass(Own)).as_subclass(Tensor)

    net = Wrapped(attended)
    with capture(net) as trace:
        net(PHOTOS)
    (site,) = trace.sites
    assert (site.grid.rows, site.grid.columns) == (2, 4)


@torch.no_grad()
def test_why_tokens_have_no_places_is_true() -> None:
    mapped = Net(lambda x: torch.vmap(attended)(x))
    with capture(mapped) as trace:
        mapped(PHOTOS[:1])
    assert "torch.func" in trace.sites[0].note
    chunks = Net(lambda x: torch.cat([(q @ x.mT).softmax(-1) @ x for q in x.split(2, 2)], 2))
    with capture(chunks) as trace:
        chunks(PHOTOS[:1])
    assert trace.sites[0].note == "2 of the 8 patches look at 8 of them."


class Heads(nn.Module):
    """Patches as queries, keys and values, and what the test makes of them."""

    def __init__(self, attend: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.attend = nn.Conv2d(3, 8, 8, 8), attend

    def forward(self, photos: Tensor) -> Tensor:
        return self.attend(self.patches(photos).flatten(2).transpose(1, 2))


def itself(tokens: Tensor, keys: Tensor | None = None) -> Tensor:
    keys = tokens if keys is None else keys
    return F.scaled_dot_product_attention(tokens[:, None], keys[:, None], keys[:, None])


JOINS: dict[str, Callable[[Tensor], Tensor]] = {
    "all in one row": lambda t: itself(t.flatten(0, 1)[None]),
    "the photo before": lambda t: itself(t, t.roll(1, 0)),
    "pairs": lambda t: itself(t.reshape(len(t) // 2, -1, 8)),
    "its own and the next": lambda t: itself(t, torch.cat([t, t.roll(1, 0)], 1)),
    "written out": lambda t: (t @ t.flip(0).mT).softmax(-1) @ t.flip(0),
}


@pytest.mark.parametrize("name", JOINS)
@torch.no_grad()
def test_photos_that_look_at_each_other_are_put_on_none_of_them(name: str) -> None:
    network = Heads(JOINS[name])
    with capture(network) as trace:
        network(torch.randn(4, 3, 16, 24))
    for one in trace:
        (site,) = one.sites
        assert site.grid is None
        assert "look at each other" in (site.note or "")


@torch.no_grad()
def test_photos_that_only_stand_beside_each_other_keep_their_places() -> None:
    network = Heads(lambda t: itself(t) + t.mean(0))  # the mean over photos differs alone
    second = Heads(lambda t: itself(itself(t)[:, 0] + t.mean(0)))
    for net in (network, second):
        with capture(net) as trace:
            net(torch.randn(3, 3, 16, 24))
        assert all(site.grid is not None for site in trace[1].sites)


@torch.no_grad()
def test_tokens_of_another_input_stand_beside_the_patches() -> None:
    """Joint attention of patches and words (Esser et al. 2024, section 4)."""

    class Joint(Heads):
        def forward(self, photos: Tensor, words: Tensor) -> Tensor:
            tokens = self.patches(photos).flatten(2).transpose(1, 2)
            return itself(torch.cat([tokens, words * 2], 1)) if self.attend(tokens) else tokens

    network = Joint(lambda t: True)
    with capture(network) as trace:
        network(torch.randn(1, 3, 16, 24), torch.randn(1, 5, 8))
    (site,) = trace.sites
    assert site.grid is not None
    assert (site.grid.shape, site.prefix_tokens, site.suffix_tokens) == ((2, 3), 0, 5)
