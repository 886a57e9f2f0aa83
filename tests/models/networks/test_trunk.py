"""Patches from a ResNet's maps: what they are, where they lie, and what is refused."""

from typing import cast

import pytest
import torch
import torch.nn.functional as F

from fovea.models.networks import build
from fovea.models.networks.gated_resnet import GatedResNet
from fovea.models.networks.tnt import TransformerInTransformer
from fovea.models.networks.trunk import TrunkPatches
from fovea.models.networks.vit import VisionTransformer
from fovea.models.running.inference import run


def photos() -> torch.Tensor:
    return torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))


def resnet() -> GatedResNet:
    torch.manual_seed(1)
    network = GatedResNet("eca").eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_mean"):
            value.normal_()
    # Blocks begin as their shortcuts; here each does something.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    return network


def test_one_stage_is_projected_cell_by_cell() -> None:
    whole, patches = resnet(), TrunkPatches(24, "eca", (1,)).eval()
    patches.trunk.load_state_dict(whole.state_dict(), strict=False)
    _, second = whole.features(photos())
    project = patches.fine.state_dict()
    expected = torch.einsum("bcij,dc->bdij", second, project["weight"][:, :, 0, 0])
    expected = expected + project["bias"][:, None, None]
    assert patches.stride == 8
    torch.testing.assert_close(patches(photos()), expected, rtol=1e-4, atol=1e-4)


def test_a_coarser_stage_is_laid_under_each_of_its_four_cells() -> None:
    whole, patches = resnet(), TrunkPatches(24, "eca", (0, 1)).eval()
    patches.trunk.load_state_dict(whole.state_dict(), strict=False)
    first = whole.stages[0](whole.stem(photos()))
    second = whole.stages[1](first)
    under = F.conv2d(second, patches.deep.weight, patches.deep.bias)
    under = under.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    expected = F.conv2d(first, patches.fine.weight, patches.fine.bias) + under
    assert patches.stride == 4
    torch.testing.assert_close(patches(photos()), expected, rtol=1e-4, atol=1e-4)


def test_stages_that_are_not_looked_at_are_left_out() -> None:
    assert len(TrunkPatches(8, "none", (1,)).trunk.stages) == 2
    assert len(TrunkPatches(8, "none", (1, 2)).trunk.stages) == 3


@pytest.mark.parametrize(
    ("name", "arguments", "cell_px"),
    [("vit", {"dim": 24}, 8), ("tnt", {"patch_size": 16, "dim": 24}, 16)],
)
def test_a_patch_of_a_hybrid_lies_where_its_pixels_are(
    name: str, arguments: dict[str, int], cell_px: int
) -> None:
    """What a patch token starts from changes most with the pixels of its own cell."""
    torch.manual_seed(0)
    network = build(name, trunk="eca", depth=1, heads=3, **arguments).eval()
    pixels = photos()[:1].requires_grad_()
    row, column = 2, 4
    if isinstance(network, TransformerInTransformer):
        tokens = network.sentences(pixels)
    else:
        tokens = cast(VisionTransformer, network).embed(pixels)[:, 1:]
    (gradient,) = torch.autograd.grad(
        tokens[0, row * (112 // cell_px) + column].square().sum(), pixels
    )
    strength = F.avg_pool2d(gradient.abs().sum(dim=1, keepdim=True), cell_px)[0, 0]
    assert divmod(int(strength.argmax()), strength.shape[1]) == (row, column)


@pytest.mark.parametrize(("name", "attentions"), [("vit", 2), ("tnt", 4)])
def test_a_hybrid_shows_its_gates_and_its_attention(name: str, attentions: int) -> None:
    shape = {"patch_size": 16} if name == "tnt" else {}
    network = build(name, trunk="eca", dim=24, depth=2, heads=3, **shape).eval()
    _, (trace, _) = run(network, photos())
    kinds = [site.kind for site in trace.sites]
    assert kinds.count("channel-gate") == 5
    assert kinds.count("attention") == attentions


def test_a_trunk_of_other_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="8 px wide, not 16"):
        build("vit", trunk="eca", patch_size=16)
    with pytest.raises(ValueError, match="4 px wide, not 2"):
        build("tnt", trunk="eca", patch_size=8)
    with pytest.raises(ValueError, match="unknown gate 'sse'"):
        build("vit", trunk="sse")
