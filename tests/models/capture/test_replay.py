"""Gradients block by block: the same numbers as one graph, and nothing left behind."""

import threading

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fovea.models.capture import capture
from fovea.models.capture.module_calls import calls, last_picture
from fovea.models.capture.replay import repeated, replay
from fovea.models.records import Site


class Block(nn.Module):
    """Self-attention that also takes a bias, writes over its input and gives out two tensors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, *, bias: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        x.mul_(0.9)
        q, k, v = (part[:, None] for part in self.qkv(x).chunk(3, dim=-1))
        seen = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)[:, 0]
        x = x + self.out(seen)
        return x, {"mean": x.mean(1)}


class Network(nn.Module):
    """Blocks between which things happen: a scale, a skip over a block, a mean kept for the end."""

    def __init__(self, depth: int = 3, dim: int = 8) -> None:
        super().__init__()
        self.stem = nn.Linear(4, dim)
        self.blocks = nn.ModuleList(Block(dim) for _ in range(depth))
        self.head = nn.Linear(dim, 5)

    def forward(self, photo: Tensor) -> Tensor:
        first = x = self.stem(photo)
        bias = x @ x.transpose(1, 2) * 0.1
        kept = []
        for block in self.blocks:
            x, more = block(x * 1.1, bias=bias[:, None])
            kept.append(more["mean"])
            x = x + first
        return self.head(x.mean(1) + torch.stack(kept).sum(0))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network().eval()


def streamed(module: nn.Module, photo: Tensor) -> tuple[list[Site], Tensor]:
    """(sites in the order they came, gradient at the photo)"""
    seen: list[Site] = []
    with replay(module, repeated(module), lambda sites: seen.extend(reversed(sites))) as outline:
        target = module(photo)[0, 2]
    (gradient,), _ = outline.differentiate_from([target], [torch.ones_like(target)], [photo])
    return seen, gradient


def test_the_same_as_one_graph(network: Network) -> None:
    photo = torch.randn(1, 6, 4, requires_grad=True)
    seen, gradient = streamed(network, photo)
    with capture(network, gradients=True) as recording:
        target = network(photo)[0, 2]
    (expected,) = torch.autograd.grad(target, photo, retain_graph=True)
    trace = recording.differentiate(target)
    assert torch.allclose(gradient, expected, atol=1e-6)
    assert [site.id for site in seen] == ["s02", "s01", "s00"]
    for site in seen:
        known = trace.site(site.id)
        assert (site.name, site.layer, site.kind) == (known.name, known.layer, known.kind)
        for part in ("query", "key", "value", "mask", "output_gradient"):
            got, wanted = getattr(site.attention, part), getattr(known.attention, part)
            assert torch.allclose(got, wanted, atol=1e-6), part


def test_only_one_block_has_tensors_at_a_time(network: Network) -> None:
    """What was seen of a block can be let go before the next one comes."""
    import weakref

    alive: list[weakref.ref[Tensor]] = []

    def see(sites: list[Site]) -> None:
        for site in sites:
            assert not any(one() is not None for one in alive)
            alive.append(weakref.ref(site.attention.query))

    photo = torch.randn(1, 6, 4, requires_grad=True)
    with replay(network, repeated(network), see) as outline:
        target = network(photo)[0, 2]
    outline.differentiate_from([target], [torch.ones_like(target)], [photo])
    assert len(alive) == 3
    assert all(s.attention.query.device.type == "meta" for s in outline.trace.sites)


def test_nothing_is_left_behind_even_after_an_error(network: Network) -> None:
    with pytest.raises(RuntimeError), replay(network, repeated(network), print):
        network(torch.randn(1, 6, 3))
    with pytest.raises(RuntimeError), calls(network, repeated(network)):
        network(torch.randn(1, 6, 3))
    for part in network.modules():
        assert "forward" not in vars(part)
        assert not part._forward_hooks
        assert not part._forward_pre_hooks


def test_another_thread_sees_the_network_plain(network: Network) -> None:
    photo = torch.randn(1, 6, 4)
    expected, found = network(photo), []
    with replay(network, repeated(network), print) as outline:
        thread = threading.Thread(target=lambda: found.append(network(photo)))
        thread.start()
        thread.join()
    assert torch.equal(found[0], expected)
    assert not outline.trace.sites


def test_blocks_are_the_outermost_lists_of_one_class(network: Network) -> None:
    assert list(repeated(network)) == ["blocks.0", "blocks.1", "blocks.2"]
    assert list(repeated(nn.Sequential(network, nn.ReLU()))) == [
        "0.blocks.0",
        "0.blocks.1",
        "0.blocks.2",
    ]
    assert repeated(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())) == {}


def test_calls_can_be_repeated(network: Network) -> None:
    photo = torch.randn(1, 6, 4)
    with torch.no_grad(), calls(network, repeated(network)) as noted:
        network(photo)
    assert [call.path for call in noted.made] == ["blocks.0", "blocks.1", "blocks.2"]
    assert noted.tail == [network.head]
    last = noted.made[-1]
    assert last.kwargs["bias"].shape == (1, 1, 6, 6)
    # The block has written over its input since; what was noted is the input as it was.
    again, _ = last.module(last.args[0].clone(), **last.kwargs)
    first = network.stem(photo)
    kept = again + first
    means = [
        call.module(call.args[0].clone(), **call.kwargs)[1]["mean"] for call in noted.made[:-1]
    ]
    expected = network.head(kept.mean(1) + torch.stack([*means, again.mean(1)]).sum(0))
    assert torch.allclose(network(photo), expected, atol=1e-6)


def test_the_last_feature_map_is_that_of_the_last_stage() -> None:
    torch.manual_seed(0)
    stage = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), stage, nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Flatten()
    ).eval()
    photo = torch.randn(1, 3, 16, 16)
    found, output = last_picture(network, photo)
    assert found is stage
    assert torch.equal(output, network(photo))
    patches = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.Flatten())
    assert last_picture(patches, photo)[0] is None


class Checkpointed(nn.Module):
    """Two checkpoints, each round two blocks and what stands between them.

    reentrant: which of torch's two ways to checkpoint; None for none.
    """

    def __init__(self, dim: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(dim, 2, 16) for _ in range(4))
        self.head = nn.Linear(dim, 5)
        self.reentrant: bool | None = None

    def forward(self, x: Tensor) -> Tensor:
        for first, second in (self.blocks[:2], self.blocks[2:]):

            def pair(x: Tensor, first: nn.Module = first, second: nn.Module = second) -> Tensor:
                return second(first(x).tanh())

            if self.reentrant is None:
                x = pair(x)
            else:
                x = checkpoint(pair, x, use_reentrant=self.reentrant)
        return self.head(x.mean(1))


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients_under_checkpointing_are_those_without(reentrant: bool) -> None:
    torch.manual_seed(0)
    network = Checkpointed().eval()
    photo = torch.randn(1, 6, 8, requires_grad=True)
    expected, gradient = streamed(network, photo)
    network.reentrant = reentrant
    sites, again = streamed(network, photo)
    assert torch.equal(gradient, again)
    assert len(sites) == len(expected) == 4
    for one, other in zip(sites, expected, strict=True):
        assert one.attention.output_gradient is not None
        assert other.attention.output_gradient is not None
        assert torch.equal(one.attention.output_gradient, other.attention.output_gradient)
    # Afterwards a checkpoint is one again: it saves its input alone.
    network.reentrant = False
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        checkpoint(torch.tanh, photo, use_reentrant=False)
    assert [one is photo for one in saved] == [True]
