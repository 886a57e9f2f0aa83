"""What is added to tokens on their way, against the blocks' own outputs in float64."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from fovea.models.capture.stream import Addition
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.networks import build
from fovea.models.running.inference import run, run_for_stream

PHOTO = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def timm_vit(**options: object) -> nn.Module:
    declare_missing_operators()
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(1)
    return VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=2, num_classes=5, **options
    ).eval()


def stream_of(network: nn.Module) -> tuple[Addition, ...]:
    _, (trace,) = run(network, PHOTO)
    placed = [site for site in trace.sites if site.grid is not None and site.queries == site.keys]
    return run_for_stream(network, PHOTO, placed[-1])


def outputs_of(network: nn.Module, *paths: str) -> list[Tensor]:
    """What these modules give for the photo, in float64: (token, dim)."""
    twin, found = deepcopy(network).double(), []
    for path in paths:
        twin.get_submodule(path).register_forward_hook(lambda _, __, out: found.append(out[0]))
    twin(PHOTO.double())
    return found


def lengths(vectors: Tensor) -> Tensor:
    return vectors.detach().norm(dim=-1).float()


def test_every_sum_is_the_blocks_own() -> None:
    network = timm_vit()
    found = stream_of(network)
    kinds = [one.kind for one in found]
    assert kinds == ["positions", *["attention", "feed-forward"] * 3]
    assert [one.site for one in found] == [None, 0, None, 1, None, 2, None]
    assert [one.module for one in found[1:]] == [f"blocks.{n // 2}" for n in range(6)]
    torch.testing.assert_close(found[0].added, lengths(network.pos_embed[0]))
    for block in range(3):
        attention, words, after = outputs_of(
            network, f"blocks.{block}.attn", f"blocks.{block}.mlp", f"blocks.{block}"
        )
        first, second = found[1 + 2 * block : 3 + 2 * block]
        between = after - words
        before = between - attention
        torch.testing.assert_close(first.before, lengths(before), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(first.added, lengths(attention), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(second.added, lengths(words), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(second.after, lengths(after), rtol=1e-4, atol=1e-5)
        cosine = torch.cosine_similarity(before, between, dim=1).float()
        torch.testing.assert_close(first.kept, cosine, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"no_embed_class": True}, {"pos_embed": "none"}])
def test_tokens_that_join_later_and_networks_without_positions(options: dict[str, object]) -> None:
    network = timm_vit(**options)
    found = stream_of(network)
    sums = [one for one in found if one.kind != "positions"]
    assert [one.kind for one in sums] == ["attention", "feed-forward"] * 3
    positions = [one for one in found if one.kind == "positions"]
    assert len(positions) == ("no_embed_class" in options)
    for one in positions:
        assert torch.isnan(one.added[0])
        torch.testing.assert_close(one.added[1:], lengths(network.pos_embed[0]))


class Post(nn.Module):
    """Normalised after each sum, in place, and with what is added named first (Vaswani 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 24, 8, 8)
        self.heads = nn.MultiheadAttention(24, 2, batch_first=True)
        self.norms = nn.ModuleList(nn.LayerNorm(24) for _ in range(2))
        self.words = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 24))
        self.bias = nn.Parameter(torch.ones(24).expand(16, 24).clone())

    def forward(self, photo: Tensor) -> Tensor:
        x = self.embed(photo).flatten(2).transpose(1, 2) + self.bias
        x = self.norms[0](self.heads(x, x, x, need_weights=False)[0] + x)
        told = self.words(x)
        told += x
        out: Tensor = self.norms[1](told).mean(1)
        return out


def test_what_stood_there_is_told_from_what_is_added() -> None:
    torch.manual_seed(2)
    network = Post().eval()
    attended, words = stream_of(network)
    assert (attended.kind, words.kind) == ("attention", "feed-forward")  # a bias is no position
    x, normed, mlp = outputs_of(network, "embed", "norms.0", "words")
    stood = x.flatten(1).T + network.bias.double()
    torch.testing.assert_close(attended.before, lengths(stood), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(words.before, lengths(normed), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(words.added, lengths(mlp - normed), rtol=1e-4, atol=1e-5)


def test_patches_of_a_tnt_are_told_by_their_words_too() -> None:
    torch.manual_seed(3)
    network = build("tnt", classes=5, image_size=32, patch_size=16, depth=2).eval()
    kinds = [one.kind for one in stream_of(network)]
    assert kinds[-6:] == ["other", "attention", "feed-forward"] * 2


class Grid(nn.Module):
    """Tokens that stay a grid, channels first or last, as LeViT's and SAM's do."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first
        self.embed = nn.Conv2d(3, 24, 8, 8)
        self.heads = nn.MultiheadAttention(24, 2, batch_first=True)
        self.positions = nn.Parameter(torch.randn(1, 4, 4, 24))
        self.words = nn.Sequential(nn.Linear(24, 48), nn.Hardswish(), nn.Linear(48, 24))

    def forward(self, photo: Tensor) -> Tensor:
        x = self.embed(photo).permute(0, 2, 3, 1) + self.positions
        rows = x.flatten(1, 2)
        attended = self.heads(rows, rows, rows, need_weights=False)[0].unflatten(1, (4, 4))
        words = self.words(x)
        if self.first:
            x, attended, words = (one.permute(0, 3, 1, 2) for one in (x, attended, words))
        x = x + attended
        x = x + words
        return x.mean((1, 2))


@pytest.mark.parametrize("first", [True, False])
def test_a_grid_of_tokens_has_its_channels_first_or_last(first: bool) -> None:
    torch.manual_seed(4)
    network = Grid(first).eval()
    positions, attended, words = stream_of(network)
    assert (positions.kind, attended.kind, words.dim) == ("positions", "attention", 24)
    (x, told) = outputs_of(network, "embed", "words")
    stood = x.flatten(1).T + network.positions.detach().double().flatten(0, 2)
    torch.testing.assert_close(positions.after, lengths(stood), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(attended.before, lengths(stood), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(words.added, lengths(told.flatten(0, 1)), rtol=1e-4, atol=1e-5)
