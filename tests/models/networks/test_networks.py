"""The networks: shapes, how many places there are to look at, and names."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.mechanisms.cbam import CBAM
from fovea.models.mechanisms.efficient_channel_attention import EfficientChannelAttention
from fovea.models.mechanisms.feature_map_attention import FeatureMapAttention
from fovea.models.mechanisms.positions import POSITIONS
from fovea.models.mechanisms.squeeze_excitation import SqueezeExcitation
from fovea.models.networks import build
from fovea.models.networks.gated_resnet import GATES, STAGE_BLOCKS

BLOCKS = sum(STAGE_BLOCKS)
MECHANISM_OF = {
    "se": (SqueezeExcitation, BLOCKS),
    "eca": (EfficientChannelAttention, BLOCKS),
    "cbam": (CBAM, BLOCKS),
    "cbam_spatial_first": (CBAM, BLOCKS),
    "cbam_parallel": (CBAM, BLOCKS),
    "self_attention": (FeatureMapAttention, 2),
}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("gate", GATES)
def test_every_gated_resnet_classifies_and_stays_small(gate: str) -> None:
    network = build("gated_resnet", gate=gate, classes=7).eval()
    x = torch.randn(2, 3, 112, 112)
    embedding, inner = network.features(x)
    assert network(x).shape == (2, 7)
    assert inner.shape[2:] == (14, 14)
    assert embedding.ndim == 2
    assert parameters(network) < 1_600_000
    kinds = Counter(type(module) for module in network.modules())
    for mechanism, count in set(MECHANISM_OF.values()):
        assert kinds[mechanism] == (count if MECHANISM_OF.get(gate, (None,))[0] is mechanism else 0)


def test_the_cbam_networks_are_of_three_arrangements() -> None:
    arrangements = {
        module.arrangement
        for gate in ("cbam", "cbam_spatial_first", "cbam_parallel")
        for module in build("gated_resnet", gate=gate).modules()
        if isinstance(module, CBAM)
    }
    assert arrangements == {"channel_first", "spatial_first", "parallel"}


def test_a_resnet_takes_other_sizes_and_one_channel() -> None:
    network = build("gated_resnet", gate="se", channels=1).eval()
    assert network(torch.randn(1, 1, 96, 144)).shape == (1, 101)


def test_self_attention_begins_as_the_plain_resnet() -> None:
    torch.manual_seed(0)
    plain = build("gated_resnet", gate="none").eval()
    looking = build("gated_resnet", gate="self_attention").eval()
    x = torch.randn(1, 3, 112, 112)
    looking.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(looking(x), plain(x))


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_vit_has_its_patch_grid(positions: str) -> None:
    network = build("vit", classes=7, depth=2, positions=positions).eval()
    x = torch.randn(2, 3, 112, 112)
    embedding, patches = network.features(x)
    assert network(x).shape == (2, 7)
    assert (network.patch_size, network.grid_size) == (8, (14, 14))
    assert network.num_prefix_tokens == 1
    assert network.tokens(x).shape == (2, 197, 192)
    assert (embedding.shape, patches.shape) == ((2, 192), (2, 192, 14, 14))


def test_the_vit_stays_small() -> None:
    assert parameters(build("vit")) < 3_700_000


def test_patch_tokens_keep_their_place_on_the_grid() -> None:
    network = build("vit", depth=1).eval()
    x = torch.zeros(1, 3, 112, 112)
    changed = x.clone()
    changed[:, :, 16:24, 40:48] = 1  # row 2, column 5
    difference = (network.patches(changed) - network.patches(x)).abs().sum(dim=1)
    assert difference.nonzero().tolist() == [[0, 2, 5]]


def test_without_positions_the_class_token_cannot_tell_where_a_patch_is() -> None:
    network = build("vit", classes=7, depth=2, positions="none").eval()
    x = torch.randn(1, 3, 112, 112)
    rolled = x.roll(shifts=(24, 40), dims=(2, 3))
    torch.testing.assert_close(network(x), network(rolled), atol=1e-4, rtol=1e-4)


def test_keeping_every_patch_is_the_same_as_keeping_no_list() -> None:
    network = build("vit", classes=7, depth=2).eval()
    x = torch.randn(2, 3, 112, 112)
    every = torch.arange(196).expand(2, -1)
    torch.testing.assert_close(network.tokens(x, every), network.tokens(x))
    few = network.features(x, every[:, 3:9])[1]
    assert few.shape == (2, 192, 6, 1)


def test_an_image_of_broken_patches_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of patch_size"):
        build("vit", image_size=100)


def sampled(network: nn.Module, x: Tensor) -> Tensor:
    picture: Tensor = network.transformer(x)
    return picture


def test_the_stn_begins_by_reading_the_whole_canvas() -> None:
    network = build("stn").eval()
    ramp = torch.linspace(0, 1, 60).expand(1, 1, 60, 60)
    small = sampled(network, ramp)
    assert network(ramp).shape == (1, 10)
    assert small.shape == (1, 1, 28, 28)
    middles = (torch.arange(28) + 0.5) * 60 / 28 - 0.5
    torch.testing.assert_close(small[0, 0, 5], middles / 59, atol=1e-5, rtol=0)


def test_the_control_differs_in_the_transformer_alone() -> None:
    network, control = build("stn"), build("stn", looks=0)
    rest = {k for k in network.state_dict() if not k.startswith("transformer.")}
    assert set(control.state_dict()) == rest
    canvas = torch.randn(1, 1, 60, 60)
    assert sampled(control, canvas) is canvas
    assert control.eval()(canvas).shape == (1, 10)


def test_unknown_names_list_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="gated_resnet, vit, stn"):
        build("alexnet")
    with pytest.raises(ValueError, match="none, se, eca, cbam"):
        build("gated_resnet", gate="squeeze")


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "sites"),
    [
        ("gated_resnet", {"gate": "none"}, (3, 112, 112), {}),
        ("gated_resnet", {"gate": "se"}, (3, 112, 112), {"channel-gate": 7}),
        ("gated_resnet", {"gate": "eca"}, (3, 112, 112), {"channel-gate": 7}),
        (
            "gated_resnet",
            {"gate": "cbam_parallel"},
            (3, 112, 112),
            {"channel-gate": 7, "spatial-gate": 7},
        ),
        ("gated_resnet", {"gate": "coordinate"}, (3, 112, 112), {"strip-gate": 7}),
        ("gated_resnet", {"gate": "self_attention"}, (3, 112, 112), {"attention": 2}),
        ("vit", {}, (3, 112, 112), {"attention": 6}),
        ("stn", {}, (1, 60, 60), {"spatial-transformer": 2}),
        ("stn", {"looks": 1}, (1, 60, 60), {"spatial-transformer": 1}),
        ("stn", {"looks": 0}, (1, 60, 60), {}),
    ],
)
def test_capture_finds_every_site(
    name: str, arguments: dict[str, Any], shape: tuple[int, int, int], sites: dict[str, int]
) -> None:
    network = build(name, **arguments).eval()
    with torch.inference_mode(), capture(network) as recording:
        network(torch.randn(1, *shape))
    assert Counter(str(site.kind) for site in recording.trace.sites) == sites


def test_the_fully_connected_readers_of_digits_are_of_one_size() -> None:
    with_one, without = (build("digit_fcn", transformer=on).eval() for on in (True, False))
    assert parameters(with_one) == pytest.approx(parameters(without), rel=0.05)
    canvas = torch.randn(2, 1, 60, 60)
    assert with_one(canvas).shape == without(canvas).shape == (2, 10)
    with torch.no_grad(), capture(with_one) as recording:
        with_one(canvas)
    (site,) = recording.trace.sites
    # It begins by looking at everything.
    assert torch.equal(site.sampling.theta[0], torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    assert site.sampling.output.shape == (2, 1, 28, 28)


def test_rooms_may_be_smaller_than_those_of_the_network_that_ships() -> None:
    assert build("unet").eval()(torch.randn(1, 3, 64, 64)).shape == (1, 2, 64, 64)
