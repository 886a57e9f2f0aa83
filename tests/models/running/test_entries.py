"""Places of this pass, however the network was entered, and without a trace left on what the caller
holds.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.grids import PatchGrid
from fovea.models.maps.gradients import relevance
from fovea.models.maps.rollout import rollout
from fovea.models.running.observing import capture


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 8, 8)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, pixel_values: Tensor, *, scale: float = 1.0) -> Tensor:
        z = self.embed(pixel_values).flatten(2).transpose(1, 2) * scale
        return self.attention(z, z, z)[0]


def decorated(function):
    """As libraries wrap their methods: one code for all, whatever it is called."""

    @functools.wraps(function)
    def wrapper(self, *args, **kwargs):
        return function(self, *args, **kwargs)

    return wrapper


class TwoTowers(nn.Module):
    """A CLIP: what people call is one of its methods or one of its parts."""

    def __init__(self) -> None:
        super().__init__()
        self.vision_model, self.words = Tower(), nn.Embedding(10, 16)
        self.calls = 0

    def encode_image(self, image: Tensor, normalise: bool = False) -> Tensor:
        image = image * 2  # the name is used again, as it often is
        image = self.vision_model(image).mean(1)
        return F.normalize(image, dim=-1) if normalise else image

    @torch.no_grad()
    @decorated
    def get_image_features(self, **inputs: Tensor) -> Tensor:
        return self.vision_model(inputs["pixel_values"], scale=0.5).mean(1)

    @decorated
    def get_intermediate_layers(self, x: Tensor, *more: int, reshape: bool = False) -> list[Tensor]:
        return [self.vision_model(x) for _ in more]

    def generate(self, words: Tensor, *, pixel_values: Tensor, steps: int) -> Tensor:
        for _ in range(steps):
            looked = self.vision_model(pixel_values).mean(1)
            words = torch.cat([words, (looked @ self.words.weight.T).argmax(1, keepdim=True)], 1)
        return words

    def forward(self, image: Tensor, words: Tensor) -> Tensor:
        return self.encode_image(image, normalise=True) @ self.words(words).mean(1).T


PHOTO = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
WORDS = torch.tensor([[1, 2]])
ENTRIES = {
    "encode_image": (lambda net: net.encode_image(PHOTO, normalise=True), 1),
    "by name": (lambda net: net.encode_image(image=PHOTO), 1),
    "get_image_features": (lambda net: net.get_image_features(pixel_values=PHOTO), 1),
    "several layers": (lambda net: net.get_intermediate_layers(PHOTO, 1, 2, reshape=True), 2),
    "forward": (lambda net: net.forward(PHOTO, WORDS), 1),
    "a part": (lambda net: net.vision_model(PHOTO), 1),
    "a part by name": (lambda net: net.vision_model(pixel_values=PHOTO, scale=0.1), 1),
    "a part's forward": (lambda net: net.vision_model.forward(PHOTO), 1),
    "generate": (lambda net: net.generate(WORDS, pixel_values=PHOTO, steps=3), 3),
    "a whole": (lambda net: net(PHOTO, WORDS), 1),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_places_are_followed_from_whatever_was_called(name: str) -> None:
    call, sites = ENTRIES[name]
    network = TwoTowers().eval()
    with torch.no_grad():
        plain = call(network)
        with capture(network) as trace:
            seen = call(network)
            call(network)
    grids = [site.grid for site in trace.sites]
    if name in ("encode_image", "by name"):  # a second time its variable was already another
        assert grids == [PatchGrid(4, 6), None]
        assert "one such call at a time" in trace.sites[1].note
    else:
        assert grids == [PatchGrid(4, 6)] * (2 * sites)
    assert torch.equal(torch.as_tensor(seen[0]), torch.as_tensor(plain[0]))


def test_a_map_for_a_class_of_a_method() -> None:
    network = TwoTowers().eval()
    with capture(network) as trace:
        network.encode_image(PHOTO)
    found = relevance(trace.for_class(3))
    assert found.values.shape == (4, 6)
    with capture(network.vision_model) as own:
        network.vision_model(PHOTO * 2)
    expected = relevance(own.for_class(lambda output: output.mean(1)[0, 3]))
    torch.testing.assert_close(found.values, expected.values)


# State -------------------------------------------------------------------------------------------


class Cache:
    """Keys and values of earlier calls, as transformers' caches keep them."""

    def __init__(self) -> None:
        self.layers: list[Tensor] = []
        self.static = torch.zeros(1, 64, 16)
        self.seen = 0

    def update(self, z: Tensor) -> Tensor:
        self.layers = [torch.cat([*self.layers, z], 1)]
        self.static[:, self.seen : self.seen + z.shape[1]] = z
        self.seen += z.shape[1]
        return self.layers[0]


class Remembering(nn.Module):
    """A bank of what was seen as a buffer, a counter in place, and a list of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 8, 8)
        self.register_buffer("bank", torch.zeros(1, 16))
        self.register_buffer("count", torch.zeros(()))
        self.history: list[Tensor] = []
        self.last: Tensor | None = None

    def forward(self, x: Tensor, past: Cache | None = None) -> Tensor:
        z = self.embed(x).flatten(2).transpose(1, 2)
        z = z + 0.01 * torch.randn_like(z)
        self.bank = torch.cat([self.bank, z.mean(1)])
        self.count += 1
        self.history.append(z)
        self.last = z
        keys = z if past is None else past.update(z)
        return F.scaled_dot_product_attention(z[:, None], keys[:, None], keys[:, None])[:, 0]


def test_reading_the_trace_leaves_the_callers_state_as_it_was() -> None:
    network, past = Remembering().eval(), Cache()
    with torch.no_grad():
        network(PHOTO, past)
        with capture(network) as trace:
            network(PHOTO, past)
    before = (
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state()[1].copy(),
        network.bank.clone(),
        network.count.clone(),
        len(network.history),
        network.last,
        past.layers[0],
        past.layers[0].clone(),
        past.static.clone(),
        past.seen,
    )
    kept = (network.bank, network.count, network.history, past.static)
    (site,) = trace.sites
    # Its queries are this photo's, the keys those of both calls: as many as there were.
    assert site.keys == 48
    assert site.layout is not None, site.note
    assert site.layout.queries.grid == PatchGrid(4, 6)
    trace.for_class(lambda output: output.sum())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.array_equal(np.random.get_state()[1], before[2])
    assert torch.equal(network.bank, before[3])
    assert torch.equal(network.count, before[4])
    assert len(network.history) == before[5]
    assert network.last is before[6]
    assert past.layers[0] is before[7]
    assert torch.equal(past.layers[0], before[8])
    assert torch.equal(past.static, before[9])
    assert past.seen == before[10]
    assert all(
        a is b
        for a, b in zip(
            kept, (network.bank, network.count, network.history, past.static), strict=True
        )
    )


def test_a_network_whose_rows_grow_with_each_call_keeps_its_places() -> None:
    """The bank is as long again as it was when the call began."""

    class Looking(Remembering):
        def forward(self, x: Tensor) -> Tensor:
            z = self.embed(x).flatten(2).transpose(1, 2)
            keys = torch.cat([self.bank[None], z], 1)
            self.bank = torch.cat([self.bank, z.mean(1)])
            return F.scaled_dot_product_attention(z[:, None], keys[:, None], keys[:, None])[:, 0]

    network = Looking().eval()
    with torch.no_grad(), capture(network) as trace:
        network(PHOTO)
        network(PHOTO)
    first, second = trace.sites
    assert (first.keys, second.keys) == (25, 26)
    assert first.layout.keys.cells[0].tolist() == [-1, *range(24)]
    assert second.layout.keys.cells[0].tolist() == [-1, -1, *range(24)]
    assert len(network.bank) == 3


# Several of something ----------------------------------------------------------------------------


class Pairing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = Tower()

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        return self.tower(x).mean(1) @ words.T


def test_as_many_photos_as_sentences() -> None:
    """Each photo against all sentences, as alone: a sentence is not a photo's."""
    network, words = Pairing().eval(), torch.randn(3, 16)
    photos = torch.randn(3, 3, 32, 48)
    with capture(network) as trace:
        network(photos, words)
    for index in range(3):
        for target in range(3):
            found = relevance(trace[index].for_class(target)).values
            with capture(network) as alone:
                network(photos[index : index + 1], words)
            torch.testing.assert_close(found, relevance(alone.for_class(target)).values)


def test_another_picture_is_no_place_of_the_photo() -> None:
    class Comparing(Tower):
        def forward(self, x: Tensor, other: Tensor) -> Tensor:
            a, b = (self.embed(one).flatten(2).transpose(1, 2) for one in (x, other))
            return self.attention(a, b, b)[0]

    network = Comparing().eval()
    with torch.no_grad(), capture(network) as trace:
        network(PHOTO, torch.randn(1, 3, 16, 24))
    (site,) = trace.sites
    assert site.grid is None
    assert "another picture" in site.note
    assert "words" not in site.note


def test_rollout_of_detection_tokens_behind_the_patches() -> None:
    """YOLOS: a class token, the patches, detection tokens; by the product of matrices."""

    class Yolos(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, 16, 8, 8)
            self.first, self.detect = (
                nn.Parameter(torch.randn(1, 1, 16)),
                nn.Parameter(torch.randn(1, 5, 16)),
            )

        def forward(self, x: Tensor) -> Tensor:
            z = self.embed(x).flatten(2).transpose(1, 2)
            z = torch.cat([self.first, z, self.detect], 1)[:, None]
            for _ in range(2):
                z = z + F.scaled_dot_product_attention(z, z, z)
            return z[:, 0, 0]

    network = Yolos().eval()
    with torch.no_grad(), capture(network) as trace:
        network(PHOTO)
    assert {(site.grid, site.prefix_tokens, site.suffix_tokens) for site in trace.sites} == {
        (PatchGrid(4, 6), 1, 5)
    }
    rolled = torch.eye(30, dtype=torch.float64)
    for site in trace.sites:
        query, key = site.attention.query[0, 0].double(), site.attention.key[0, 0].double()
        rolled = (0.5 * (query @ key.T / 4).softmax(-1) + 0.5 * torch.eye(30).double()) @ rolled
    found = rollout(trace)
    torch.testing.assert_close(found.values.flatten().double(), rolled[0, 1:25], atol=1e-6, rtol=0)
    torch.testing.assert_close(
        found.prefix.double(), rolled[0, [0, 25, 26, 27, 28, 29]], atol=1e-6, rtol=0
    )


class Keeps(nn.Module):
    """Attention over patches, scaled by what something that the network keeps says next."""

    def __init__(self, kept: object, draw: Callable[[Any], float]) -> None:
        super().__init__()
        self.embed, self.kept, self.draw = nn.Conv2d(3, 16, 8, 8), kept, draw

    def forward(self, photo: Tensor) -> Tensor:
        z = self.embed(photo).flatten(2).transpose(1, 2)[:, None] * self.draw(self.kept)
        return F.scaled_dot_product_attention(z, z, z).mean((1, 2))


KEPT: dict[str, Callable[[], tuple[object, Callable[[Any], float]]]] = {
    "Python's numbers": lambda: (random.Random(0), lambda one: one.random()),
    "NumPy's numbers": lambda: (np.random.default_rng(0), lambda one: float(one.random())),
    "NumPy's old numbers": lambda: (np.random.RandomState(0), lambda one: float(one.rand())),
    "torch's numbers": lambda: (
        torch.Generator().manual_seed(0),
        lambda one: float(torch.rand((), generator=one)),
    ),
    "an iterator": lambda: (iter([1.0, 0.5, 0.25, 0.125, 0.1]), next),
    "a generator": lambda: ((0.5**i for i in range(5)), next),
    "in a list": lambda: ([random.Random(0)], lambda one: one[0].random()),
}


@pytest.mark.filterwarnings("ignore:places are not known")
@pytest.mark.parametrize("name", KEPT)
@torch.no_grad()
def test_reading_the_trace_moves_nothing_that_the_network_keeps(name: str) -> None:
    photo = torch.randn(1, 3, 16, 24)
    torch.manual_seed(0)
    watched, alone = (Keeps(*KEPT[name]()).eval() for _ in range(2))
    alone.load_state_dict(watched.state_dict())
    for _ in range(3):
        with capture(watched) as trace:
            output = watched(photo)
        assert len(trace.sites) == 1
        assert torch.equal(output, alone(photo))


@torch.no_grad()
def test_a_branch_of_cond_is_seen() -> None:
    class Branches(Keeps):
        def forward(self, photo: Tensor) -> Tensor:
            z = self.embed(photo).flatten(2).transpose(1, 2)[:, None].contiguous()

            def attend(z: Tensor) -> Tensor:
                return F.scaled_dot_product_attention(z, z, z).contiguous()

            return torch.cond(z.sum() > self.kept, attend, lambda z: z.relu(), (z,))

    for bound, sites in ((-1e6, 1), (1e6, 0)):
        network, photo = Branches(bound, float).eval(), torch.randn(1, 3, 16, 24)
        plain = network(photo)
        with capture(network) as trace:
            assert torch.equal(network(photo), plain)
        assert len(trace.sites) == sites
