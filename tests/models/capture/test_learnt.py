"""What a pass teaches about the next one: nothing is missed where the next one is another."""

import threading
from dataclasses import fields

import pytest
import torch
from torch import Tensor, nn

from fovea import load
from fovea.models.capture import capture
from fovea.models.catalog.shipped import bundled
from fovea.models.records import Trace
from fovea.models.tracing import learnt


class Network(nn.Module):
    """A gate, then attention where `attends` says so, in steps that look alike until it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.squeeze = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.attends = True

    def forward(self, photo: Tensor) -> Tensor:
        x = self.stem(photo).relu()
        x = x * self.squeeze(x.mean((2, 3))).sigmoid()[:, :, None, None]
        x = self.norm(x.flatten(2).transpose(1, 2))
        weights = (x @ x.transpose(1, 2)).softmax(-1)
        x = weights @ x if self.attends else x + weights.amax(-1, keepdim=True)
        return self.norm(x).mean(1)


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network().eval()


def kinds(module: nn.Module, *given: Tensor) -> list[str]:
    with torch.no_grad(), capture(module) as recording:
        module(*given)
    return [site.kind for site in recording.trace.sites]


def plans(module: nn.Module) -> list[list[learnt.Step]]:
    return list(learnt._plans.get(module, {}).values())


def test_later_passes_see_what_the_first_one_saw(network: Network) -> None:
    for photo in torch.randn(3, 1, 3, 16, 24):
        with torch.no_grad(), capture(network) as recording:
            output = network(photo)
        gate, attention = recording.trace.sites
        assert torch.equal(output, network(photo))
        x = network.stem(photo).relu()
        factors = network.squeeze(x.mean((2, 3))).sigmoid()
        assert torch.equal(gate.gate.values.flatten(), factors.flatten())
        assert attention.attention.shape == (1, 1, 24, 24)
    (plan,) = plans(network)
    # Convolution, its relu and the norms lead to nothing; they are passed on.
    assert sum(step.idle for step in plan) >= 3


def test_another_way_through_the_network_is_looked_at(network: Network) -> None:
    photo = torch.randn(1, 3, 16, 24)
    network.attends = False
    for _ in range(2):
        assert kinds(network, photo) == ["channel-gate"]
    network.attends = True
    for _ in range(3):
        assert kinds(network, photo) == ["channel-gate", "attention"]
    network.attends = False
    assert kinds(network, photo) == ["channel-gate"]


def test_another_size_is_another_pass(network: Network) -> None:
    small, large = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 16, 24)
    # One place and one token: nothing to choose from.
    assert kinds(network, small) == kinds(network, small)
    assert kinds(network, large) == ["channel-gate", "attention"]
    assert len(plans(network)) == 2
    for _ in range(learnt.MOST_PLANS + 2):
        large = torch.cat((large, large[:, :, :4]), 2)
        assert kinds(network, large) == ["channel-gate", "attention"]
    assert len(plans(network)) == learnt.MOST_PLANS


class ByHand(nn.Module):
    """Weighs values with a product of what it is given: a distribution, or not."""

    def forward(self, one: Tensor, other: Tensor, values: Tensor) -> Tensor:
        return torch.matmul(torch.matmul(one, other), other=values)


def test_what_only_the_values_tell_is_looked_at_in_every_pass() -> None:
    network = ByHand()
    one, other, values = torch.randn(3, 1, 6, 6)
    assert kinds(network, one, other, values) == []
    assert kinds(network, one.softmax(-1), torch.eye(6)[None], values) == ["attention"]
    assert kinds(network, one, other, values) == []


def test_a_pass_that_fails_teaches_nothing(network: Network) -> None:
    with pytest.raises(RuntimeError), capture(network):
        network(torch.randn(1, 5, 16, 24))
    assert not plans(network)


class Threaded(nn.Module):
    """Two attentions at once."""

    def forward(self, x: Tensor) -> Tensor:
        found = [x, x]

        def attend(index: int) -> None:
            found[index] = torch.nn.functional.scaled_dot_product_attention(x, x, x)

        threads = [threading.Thread(target=attend, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (found[0] + found[1]).relu()


def test_calls_in_threads_have_no_order_to_learn() -> None:
    network = Threaded()
    for _ in range(3):
        assert kinds(network, torch.randn(1, 2, 5, 4)) == ["attention", "attention"]
    assert not plans(network)


class Gated(nn.Module):
    """A pooled factor on a map, and more of the same map that nothing comes of."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.one, self.two = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, photo: Tensor) -> Tensor:
        x = self.stem(photo)
        x = x * self.two(self.one(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        x = x + x.tanh() * 0.5
        return self.head((x * (1 + x.mean(1, keepdim=True).sigmoid())).mean((2, 3)))


def test_a_gate_that_is_remembered_has_its_own_factors() -> None:
    network = Gated().eval()
    for seed in range(3):
        photo = torch.randn(1, 3, 12, 16, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad(), capture(network, features=True) as recording:
            network(photo)
        with torch.no_grad():
            x = network.stem(photo)
            channels = network.two(network.one(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
            gated = x * channels
            more = gated + gated.tanh() * 0.5
            places = 1 + more.mean(1, keepdim=True).sigmoid()
        first, second = recording.trace.sites
        assert (first.kind, second.kind) == ("channel-gate", "spatial-gate")
        assert torch.equal(first.gate.values, channels)
        assert torch.equal(second.gate.values, places)
        assert torch.equal(second.gate.features, more)
        assert second.gate.bounds == (1, 2)
    (plan,) = plans(network)
    looked = [step.func.__name__ for step in plan if step.func is not None and not step.idle]
    assert looked == ["conv2d", "mul", "mul"], "the rest is passed on at once"


def test_a_network_whose_parts_are_replaced_has_other_names() -> None:
    network = nn.Sequential(Gated()).eval()
    photo = torch.randn(1, 3, 12, 16)
    assert kinds(network, photo) == kinds(network, photo)
    network.append(network.pop(0))
    network.insert(0, nn.Identity())
    with torch.no_grad(), capture(network) as recording:
        network(photo)
    assert {site.name for site in recording.trace.sites} == {"1"}


class Chooses(nn.Module):
    """Two ways of the same calls up to the last; only one of them multiplies the map."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.gates = nn.Linear(8, 8), False

    def forward(self, x: Tensor) -> Tensor:
        factor = self.layer(x.mean((2, 3))).sigmoid()[:, :, None, None]
        return x * factor if self.gates else x - factor


def test_a_factor_that_was_passed_on_is_named() -> None:
    network, x = Chooses().eval(), torch.randn(1, 8, 6, 6)
    assert kinds(network, x) == kinds(network, x) == []
    network.gates = True
    with torch.no_grad(), capture(network) as recording:
        network(x)
    (named,) = recording.unseen
    assert (named.what, named.operation.strip("_")) == ("gate", "mul")
    assert "another way" in named.reason
    assert kinds(network, x) == ["channel-gate"], "the next pass is looked at as a whole"


def as_written(trace: Trace) -> list[tuple[object, ...]]:
    """What tells one trace from another: the sites and their numbers."""
    return [
        (site.id, site.kind, site.name, site.layer, *numbers_of(site.tensors))
        for site in trace.sites
    ]


def numbers_of(record: object) -> list[object]:
    """Every tensor of a record as its bytes, and how it is shaped."""
    tensors = [getattr(record, one.name) for one in fields(record)]  # type: ignore[arg-type]
    return [
        (tuple(one.shape), one.double().numpy().tobytes())
        for one in tensors
        if isinstance(one, Tensor)
    ]


PHOTOS = [spec.id for spec in bundled().values() if spec.task not in ("sequence", "captioning")]


@pytest.mark.parametrize("name", PHOTOS)
def test_every_shipped_network_is_seen_alike_in_every_pass(name: str) -> None:
    network = load(name)
    wanted = network.spec.preprocessing
    first, other = torch.randn(2, 1, wanted.channels, *wanted.crop_px)
    seen = []
    for photo in (first, other, first, first):
        with torch.no_grad(), capture(network.module) as recording:
            network.module(photo)
        seen.append(as_written(recording.trace))
    assert seen[0]
    assert seen[0] == seen[2] == seen[3]
    assert [one[:4] for one in seen[0]] == [one[:4] for one in seen[1]]
