"""The library's capture: a trace that knows its places, by photo and by call, and for a class."""

import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from fovea.models.grids import PatchGrid
from fovea.models.maps.gradients import relevance
from fovea.models.maps.propagation import NotPossible
from fovea.models.maps.rollout import rollout
from fovea.models.records import Trace
from fovea.models.running.inference import run, run_for_class
from fovea.models.running.observing import capture


class Small(nn.Module):
    """Two layers of attention over 16-pixel patches behind a class token; any size of photo."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.norm = nn.BatchNorm1d(width)
        self.layers = nn.ModuleList(
            nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(width, 5)

    def features(self, photos: Tensor) -> Tensor:
        tokens = self.patches(photos).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.token.expand(len(photos), -1, -1), tokens), 1)
        tokens = self.norm(tokens.transpose(1, 2)).transpose(1, 2)
        for layer in self.layers:
            tokens = tokens + layer(tokens, tokens, tokens)[0]
        return tokens

    def forward(self, photos: Tensor, gain: Tensor | None = None) -> Tensor:
        logits = self.head(self.features(photos)[:, 0])
        return logits if gain is None else logits * gain


@pytest.fixture
def network() -> Small:
    torch.manual_seed(0)
    return Small().eval()


def photos(count: int, height: int = 64, width: int = 96) -> Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_each_photo_of_a_batch_has_the_maps_it_has_alone(network: Small) -> None:
    batch = photos(3)
    with capture(network) as trace:
        network(batch)
    assert (len(trace), trace.photos) == (3, 3)
    for index, one in enumerate(trace):
        alone = batch[index : index + 1]
        _, (expected,) = run(network, alone)
        assert one.sites[0].grid == PatchGrid(4, 6)
        assert one.sites[0].prefix_tokens == 1
        torch.testing.assert_close(rollout(one).values, rollout(expected).values)
        _, for_class = run_for_class(network, alone, 3)
        torch.testing.assert_close(
            relevance(trace[index].for_class(3)).values, relevance(for_class).values
        )
    with pytest.raises(ValueError, match="one photo"):
        rollout(trace)
    with pytest.raises(ValueError, match="one photo"):
        trace.for_class(3)
    with pytest.raises(IndexError, match="photo 3"):
        trace[3]
    assert trace.split(3)[1].sites[1].grid == PatchGrid(4, 6)


def test_the_same_bits_and_nothing_left_behind(network: Small) -> None:
    batch = photos(2)
    plain = network(batch)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with capture(network) as trace:
        seen = network(batch)
    assert trace.sites[0].grid
    trace[0].for_class(1)
    torch.testing.assert_close(seen, plain)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_looking_for_places_moves_no_running_mean(network: Small) -> None:
    """The network's own pass in train mode moves it once; the pass for places must not."""
    network.train()
    twin = Small().train()
    twin.load_state_dict(network.state_dict())
    twin(photos(2))
    with capture(network) as trace:
        network(photos(2))
    assert trace.sites[0].grid == PatchGrid(4, 6)
    torch.testing.assert_close(network.norm.running_mean, twin.norm.running_mean)
    assert network.training
    assert network.layers[0].training


def test_the_class_with_the_highest_logit_or_any_scalar(network: Small) -> None:
    with capture(network) as trace:
        logits = network(photos(1))
    best = int(logits.argmax())
    chosen = relevance(trace.for_class()).values
    assert torch.equal(chosen, relevance(trace.for_class(best)).values)
    both = relevance(trace.for_class(lambda output: output[0, best])).values
    assert torch.equal(chosen, both)
    with pytest.raises(ValueError, match=r"class 5 does not exist; valid: 0 to 4"):
        trace.for_class(5)
    with pytest.raises(ValueError, match="one number"):
        trace.for_class(lambda output: output)


def test_a_graph_of_ones_own(network: Small) -> None:
    with capture(network, gradients=True) as trace:
        logits = network(photos(1))
    own = trace.differentiate(logits[0, 2])
    assert own.sites[0].grid == PatchGrid(4, 6)
    torch.testing.assert_close(relevance(own).values, relevance(trace.for_class(2)).values)
    with pytest.raises(NotPossible, match="gradients"):
        relevance(trace)


class Wrapped(nn.Module):
    """As transformers calls and answers: names for arguments, an object with logits."""

    def __init__(self, network: Small) -> None:
        super().__init__()
        self.network = network

    def forward(self, *, pixel_values: Tensor, gain: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.network(pixel_values, gain))


def test_named_arguments_and_outputs_with_logits(network: Small) -> None:
    batch, gain = photos(2), torch.tensor([[1.0], [2.0]])
    with capture(Wrapped(network)) as trace:
        network_output = trace._pass.module(pixel_values=batch, gain=gain)
    assert network_output.logits.shape == (2, 5)
    assert trace[1].sites[0].name == "network.layers.0"
    # The second photo's logits count twice, so its relevance is that of twice the logit.
    with capture(network) as plain:
        network(batch[1:])
    expected = relevance(plain.for_class(lambda output: 2 * output[0, 4])).values
    torch.testing.assert_close(relevance(trace[1].for_class(4)).values, expected)


def test_two_calls_of_two_sizes_each_with_its_own_places(network: Small) -> None:
    with capture(network) as trace:
        network(photos(1))
        network(photos(1, 32, 48))
    assert [site.grid for site in trace.sites] == [PatchGrid(4, 6)] * 2 + [PatchGrid(2, 3)] * 2


def test_methods_and_parts_have_places_too(network: Small) -> None:
    with capture(network) as trace:
        network.features(photos(1, 32, 48))
        network(photos(1))
        network.forward(photos(2, 48, 32))
    sizes = [(2, 3)] * 2 + [(4, 6)] * 2 + [(3, 2)] * 2
    assert [site.grid for site in trace.sites] == [PatchGrid(*size) for size in sizes]


def test_a_part_that_is_not_given_the_photo_has_no_places(network: Small) -> None:
    with capture(network) as trace:
        network.layers[0](*[torch.randn(1, 25, 24)] * 3)
    assert trace.sites[0].grid is None
    assert trace.sites[0].note


def test_places_are_handed_on(network: Small) -> None:
    with capture(network) as first:
        network(photos(1))
    known, passes = first.layouts, 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += 1

    network.register_forward_hook(count)
    with capture(network, places=known) as second:
        network(photos(1))
    assert second.sites[0].grid == PatchGrid(4, 6)
    assert passes == 1
    with capture(network) as third:
        network(photos(1))
    assert third.sites[0].grid == PatchGrid(4, 6)
    assert third.sites[1].grid == PatchGrid(4, 6)
    assert passes == 3
    with capture(network, places=known) as other:
        network(photos(1, 32, 48))
    with pytest.raises(ValueError, match="another input size: 25 keys at site s00, which has 7"):
        _ = other.sites


def test_places_can_be_left_out(network: Small) -> None:
    with capture(network, places=False) as trace:
        network(photos(1))
    assert [site.grid for site in trace.sites] == [None, None]


def test_a_network_that_cannot_run_twice_keeps_its_trace(network: Small) -> None:
    class Once(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.runs = network, 0

        def forward(self, batch: Tensor) -> Tensor:
            self.runs += 1
            if self.runs > 1:
                raise RuntimeError("only once")
            return self.network(batch)

    once = Once().eval()
    with capture(once) as trace:
        once(photos(1))
    with pytest.warns(UserWarning, match="only once"):
        assert [site.grid for site in trace.sites] == [None, None]
    assert trace.sites[0].attention.shape == (1, 4, 25, 25)


def test_a_compiled_network_is_warned_of(network: Small) -> None:
    compiled = torch.compile(network, backend="eager")
    with pytest.warns(UserWarning, match="the network is compiled"), capture(compiled):
        pass
    network.layers[1].compile(backend="eager")
    with pytest.warns(UserWarning, match=r"layers\.1 is compiled"), capture(network):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with capture(Small()):
            pass


def test_during_the_pass_sites_are_those_seen_so_far(network: Small) -> None:
    with capture(network) as trace:
        assert trace.sites == ()
        network(photos(1))
        assert len(trace.sites) == 2
    assert repr(trace) == "<trace of 1 photo: 2 attention>"


def test_an_exception_goes_through_and_the_trace_ends(network: Small) -> None:
    def look() -> None:
        nonlocal trace
        with capture(network) as trace:
            network(photos(1))
            raise ZeroDivisionError

    trace: Trace = Trace(())
    with pytest.raises(ZeroDivisionError):
        look()
    assert trace.sites[1].grid == PatchGrid(4, 6)
