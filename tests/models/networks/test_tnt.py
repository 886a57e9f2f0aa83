"""The transformer in transformer: against its equations in float64, and where its tokens are."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fovea.models.networks import build
from fovea.models.running.inference import run

SMALL = {"classes": 5, "image_size": 16, "dim": 12, "depth": 2, "word_dim": 6, "heads": 3}


def small() -> nn.Module:
    torch.manual_seed(0)
    return build("tnt", **SMALL).double().eval()


def norm(layer: nn.Module, x: Tensor) -> Tensor:
    deviation = (x - x.mean(-1, keepdim=True)).square().mean(-1, keepdim=True)
    return (x - x.mean(-1, keepdim=True)) / (deviation + 1e-5).sqrt() * layer.weight + layer.bias


def linear(layer: nn.Module, x: Tensor) -> Tensor:
    return torch.einsum("...i,oi->...o", x, layer.weight) + layer.bias


def encoder(block: nn.Module, x: Tensor) -> Tensor:
    """Equations 4 and 5, or 7 and 8, with heads as slices of the channels; x: (..., token, dim)."""
    heads, normed = block.attention.heads, norm(block.norm1, x)
    query, key, value = (
        linear(getattr(block.attention, name), normed).unflatten(-1, (heads, -1))
        for name in ("query", "key", "value")
    )
    scores = torch.einsum("...qhd,...khd->...hqk", query, key) / query.shape[-1] ** 0.5
    looked = torch.einsum("...hqk,...khd->...qhd", scores.softmax(-1), value).flatten(-2)
    x = x + linear(block.attention.output, looked)
    return x + linear(block.mlp[2], F.gelu(linear(block.mlp[0], norm(block.norm2, x))))


def sentences(network: nn.Module, x: Tensor) -> Tensor:
    """The words of each patch by plain slicing: (batch, patch, word, channel, pixel, pixel)."""
    side, px = network.patch_size, network.patch_size // 4
    patches = [
        torch.stack(
            [
                x[:, :, top + i * px : top + (i + 1) * px, left + j * px : left + (j + 1) * px]
                for i in range(4)
                for j in range(4)
            ],
            dim=1,
        )
        for top in range(0, x.shape[2], side)
        for left in range(0, x.shape[3], side)
    ]
    return torch.stack(patches, dim=1)


@torch.no_grad()
def test_the_forward_pass_follows_the_equations() -> None:
    network = small()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    pixels = sentences(network, x)
    words = torch.einsum("npwcij,ocij->npwo", pixels, network.words.weight) + network.words.bias
    words = words + network.word_positions.weight
    tokens = torch.cat(
        [network.class_token.expand(2, -1, -1), network.positions.weight.expand(2, -1, -1)], dim=1
    )
    for block in network.blocks:
        words = encoder(block.inner, words)
        told = linear(block.project, norm(block.norm, words.flatten(2)))
        tokens = torch.cat([tokens[:, :1], tokens[:, 1:] + told], dim=1)
        tokens = encoder(block.outer, tokens)
    expected = linear(network.head, norm(network.norm, tokens)[:, 0])
    torch.testing.assert_close(network(x), expected, rtol=0, atol=1e-12)


def test_words_and_patches_are_captured_with_their_places() -> None:
    network = build("tnt", classes=5, image_size=48, depth=2).eval()
    _, (trace,) = run(network, torch.randn(1, 3, 48, 48))
    assert [site.name for site in trace.sites] == [
        f"blocks.{block}.{part}.attention" for block in range(2) for part in ("inner", "outer")
    ]
    for inner, outer in (trace.sites[:2], trace.sites[2:]):
        assert inner.tensors.shape == (36, 2, 16, 16)
        assert inner.grid is None
        assert inner.layout is not None
        assert inner.layout.keys is not None
        cells, grid = inner.layout.keys.cells, inner.layout.keys.grid
        assert (grid.rows, grid.columns) == (24, 24)
        # Patch 8 is the third of the second row: its words are rows 4-7, columns 8-11.
        rows, columns = cells[8] // 24, cells[8] % 24
        assert rows.view(4, 4)[:, 0].tolist() == [4, 5, 6, 7]
        assert columns.view(4, 4)[0].tolist() == [8, 9, 10, 11]
        assert outer.tensors.shape == (1, 3, 37, 37)
        assert outer.grid is not None
        assert (outer.grid.rows, outer.grid.columns, outer.prefix_tokens) == (6, 6, 1)


def test_a_patch_tells_of_its_own_words_alone_before_the_outer_transformer() -> None:
    network = small()
    x = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    changed = x.clone()
    changed[:, :, 9, 2] = 1  # patch row 1, column 0
    first, second = (network.sentences(picture) for picture in (x, changed))
    assert (first - second).abs().sum(dim=(0, 2, 3)).nonzero().flatten().tolist() == [2]


@torch.no_grad()
def test_keeping_every_patch_is_the_same_as_keeping_no_list() -> None:
    network = small()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    every = torch.arange(4).expand(2, -1)
    torch.testing.assert_close(network.tokens(x, every), network.tokens(x))
    embedding, patches = network.features(x)
    assert (embedding.shape, patches.shape) == ((2, 12), (2, 12, 2, 2))
    few = torch.tensor([[0, 3], [1, 2]])
    # What is left out cannot matter: the same tokens come of a picture with other pixels there.
    other = x.clone()
    other[0, :, 8:, :8] += 1
    torch.testing.assert_close(network.features(x, few)[1], network.features(other, few)[1])
    assert network.features(x, few)[1].shape == (2, 12, 2, 1)


def multiply_adds(network: nn.Module, size_px: int) -> int:
    # The counter knows the products inside attention only where the plain kernel runs.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(torch.randn(1, 3, size_px, size_px))
    total: int = counter.get_total_flops() // 2
    return total


def test_it_costs_what_the_vit_of_its_comparison_costs() -> None:
    vit = multiply_adds(build("vit", dim=144).eval(), 112)
    tnt = multiply_adds(build("tnt").eval(), 112)
    assert vit == pytest.approx(366.6e6, rel=1e-3)
    assert tnt == pytest.approx(vit, rel=0.05)


@pytest.mark.parametrize("name", ["vit", "tnt"])
def test_skipping_blocks_keeps_the_expected_change_and_ends_with_training(name: str) -> None:
    torch.manual_seed(0)
    arguments = {**SMALL, "depth": 3} if name == "tnt" else {"image_size": 16, "depth": 3, "dim": 6}
    network = build(name, drop_path=0.5, **arguments)
    blocks = [getattr(block, "outer", block) for block in network.blocks]
    assert [block.drop_path for block in blocks] == [0.0, 0.25, 0.5]
    last, zeros, ones = blocks[-1], torch.zeros(4000, 1, 2), torch.ones(4000, 1, 2)
    added = last.add(zeros, ones)
    assert set(added.unique().tolist()) == {0.0, 2.0}
    assert (added[:, 0, 0] == added[:, 0, 1]).all(), "an example skips the change as a whole"
    assert added.mean().item() == pytest.approx(1, abs=0.1)
    torch.testing.assert_close(last.eval().add(zeros, ones), ones)


def test_what_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of patch_size"):
        build("tnt", image_size=100)
    with pytest.raises(ValueError, match="no multiple of words"):
        build("tnt", image_size=112, patch_size=14)
