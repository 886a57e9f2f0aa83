"""The U-Net: what it is made of, how far it sees, and what capture finds in it."""

import torch
from torch import Tensor, nn

from fovea.models.grids import PatchGrid
from fovea.models.mechanisms.feature_map_attention import FeatureMapAttention
from fovea.models.networks import build
from fovea.models.running.inference import run


def reached(network: nn.Module, size_px: int = 192) -> Tensor:
    """Which pixels the middle pixel's logit depends on: boolean (row, column)."""
    picture = torch.randn(1, 3, size_px, size_px, requires_grad=True)
    middle = size_px // 2
    network(picture)[0, 1, middle, middle].backward()
    assert picture.grad is not None
    return picture.grad.abs().sum(dim=(0, 1)) > 0


def test_every_pixel_gets_a_logit_a_class() -> None:
    network = build("unet").eval()
    assert network(torch.randn(2, 3, 128, 128)).shape == (2, 2, 128, 128)
    assert network(torch.randn(1, 3, 64, 96)).shape == (1, 2, 64, 96)


def test_it_stays_small_with_attention_and_without() -> None:
    with_it, without = (
        sum(p.numel() for p in build("unet", attention=attention).parameters())
        for attention in (True, False)
    )
    layers = [m for m in build("unet").modules() if isinstance(m, FeatureMapAttention)]
    assert len(layers) == 3
    assert with_it - without == sum(p.numel() for layer in layers for p in layer.parameters())
    assert with_it < 800_000


def test_it_begins_as_the_network_without_attention() -> None:
    torch.manual_seed(0)
    plain, looking = build("unet", attention=False).eval(), build("unet").eval()
    picture = torch.randn(1, 3, 64, 64)
    looking.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(looking(picture), plain(picture))


def test_convolutions_reach_a_window_and_attention_everything() -> None:
    torch.manual_seed(0)
    near = reached(build("unet", attention=False).eval()).any(dim=0).nonzero()
    assert (near.max() - near.min() + 1).item() == 92
    network = build("unet").eval()
    for layer in network.modules():
        if isinstance(layer, FeatureMapAttention):
            nn.init.ones_(layer.gamma)
    assert reached(network).float().mean() > 0.99


def test_capture_knows_the_places_of_every_site() -> None:
    logits, (trace,) = run(build("unet").eval(), torch.randn(1, 3, 128, 128))
    assert logits.shape == (1, 2, 128, 128)
    assert [(site.name, site.grid, site.prefix_tokens) for site in trace.sites] == [
        ("down.2.attention", PatchGrid(32, 32), 0),
        ("down.3.attention", PatchGrid(16, 16), 0),
        ("up.0.attention", PatchGrid(32, 32), 0),
    ]
