"""LeGrad by layers alone against autograd through the float64 network with every matrix kept."""

import pytest
import torch
from torch import nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.making import for_class as explain
from tests.models.maps.conftest import Exact, close, vit


def test_equals_the_matrix_form(exact: Exact) -> None:
    """sˡ = head(norm(mean token of xˡ)); mean over heads, queries and layers of (∂sˡ/∂Aˡ)⁺."""
    twin, total = exact.twin, 0.0
    for layer, stream in enumerate(exact.streams):
        score = twin.head(twin.fc_norm(twin.norm(stream.mean(1))))[0, exact.target]
        (gradient,) = torch.autograd.grad(score, exact.held[layer], retain_graph=True)
        total = total + gradient[0].clamp(min=0).mean((0, 1))
    found = explain.legrad(exact.module, exact.photo, exact.target, exact.layouts)
    assert found.axes == ("row", "column")
    assert exact.row_is(total / len(exact.streams), found)


def test_equals_what_torch_cam_makes_of_a_torchvision_vit() -> None:
    """Another implementation on another network: unmodified, with torch's MultiheadAttention."""
    declare_missing_operators()
    from torchcam import methods
    from torchvision.models.vision_transformer import VisionTransformer

    torch.manual_seed(5)
    module = VisionTransformer(32, 8, 3, 2, 24, 48, num_classes=7)
    nn.init.normal_(module.heads.head.weight)  # zeros at first, and then no class has a gradient
    module.eval()
    photo = torch.randn(1, 3, 32, 32)
    with methods.LeGrad(module, list(module.encoder.layers)) as extractor:
        (expected,) = extractor(4, module(photo), normalized=False)
    assert expected.max() > 0
    assert close(explain.legrad(module, photo, 4).values, expected[0].double())


def test_another_class_has_another_map() -> None:
    module, photo = vit(img_size=(32, 32)), torch.randn(1, 3, 32, 32)
    assert not close(
        explain.legrad(module, photo, 1).values, explain.legrad(module, photo, 2).values.double()
    )


def test_nothing_is_left_on_the_network() -> None:
    module, photo = vit(img_size=(32, 32)), torch.randn(1, 3, 32, 32)
    explain.legrad(module, photo, 1)
    for part in module.modules():
        assert "forward" not in vars(part)
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
    assert all(p.grad is None and p.requires_grad for p in module.parameters())


def test_a_network_that_pools_by_attention_cannot_have_it() -> None:
    module = vit(img_size=(32, 32), global_pool="map", class_token=False)
    with pytest.raises(NotPossible, match="norm and one linear head"):
        explain.legrad(module, torch.randn(1, 3, 32, 32), 1)


def test_a_head_that_takes_more_than_one_token_cannot_score_a_layer() -> None:
    """As DINOv2's classifier: the class token beside the mean of the patches."""
    module = vit(img_size=(32, 32))
    module.head = nn.Linear(96, 10)
    module.pool = lambda tokens: torch.cat((tokens[:, 0], tokens[:, 1:].mean(1)), dim=-1)
    with pytest.raises(NotPossible, match="48 numbers"):
        explain.legrad(module, torch.randn(1, 3, 32, 32), 1)


def test_a_network_without_attention_cannot_have_it() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 5)).eval()
    with pytest.raises(NotPossible, match="self-attention"):
        explain.legrad(module, torch.randn(1, 3, 32, 32), 1)


def test_heads_that_a_network_folds_into_its_batch_are_heads_again() -> None:
    """The same network with its attention written by hand, (batch·head, token, dim)."""
    module = vit(img_size=(32, 32))
    photo = torch.randn(1, 3, 32, 32)
    expected = [make(module, photo) for make in (_legrad, explain.rollout, _relevance)]
    for block in module.blocks:
        block.attn = Folded(block.attn)
    for make, one in zip((_legrad, explain.rollout, _relevance), expected, strict=True):
        assert close(make(module, photo).values, one.values.double())


def _legrad(module: nn.Module, photo: torch.Tensor):
    return explain.legrad(module, photo, 1)


def _relevance(module: nn.Module, photo: torch.Tensor):
    return explain.relevance(module, photo, 1)


class Folded(nn.Module):
    """timm's attention with its weights, written with heads in the batch axis."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.qkv, self.proj, self.heads = attention.qkv, attention.proj, attention.num_heads

    def forward(self, x: torch.Tensor, **_: object) -> torch.Tensor:
        batch, tokens, dim = x.shape
        size = dim // self.heads
        q, k, v = (
            part.view(batch, tokens, self.heads, size).transpose(1, 2).flatten(0, 1)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        seen = torch.bmm(torch.bmm(q, k.transpose(1, 2)).mul(size**-0.5).softmax(-1), v)
        joined = seen.view(batch, self.heads, tokens, size).transpose(1, 2)
        return self.proj(joined.reshape(batch, tokens, dim))
