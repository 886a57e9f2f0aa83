"""Head importance against the derivative by a factor on each head, which autograd takes itself."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.capture import capture
from fovea.models.maps.heads import importance_of
from fovea.models.methods.making import for_class as explain
from tests.models.maps.conftest import Exact, close, vit


def test_equals_the_gradient_of_every_entry(exact: Exact) -> None:
    """∂L/∂ξ_h = Σ A⊙∂L/∂A, with L the cross-entropy, in float64."""
    loss = F.cross_entropy(exact.logits, torch.tensor([exact.target]))
    expected = torch.stack(
        [
            (attention * gradient).sum((1, 2))
            for attention, gradient in zip(exact.matrices, exact.gradients_of(loss), strict=True)
        ]
    ).abs()
    found = explain.head_importance(exact.module, exact.photo, [exact.target], exact.layouts)
    assert found.axes == ("layer", "head")
    assert close(found.values, expected)


def test_equals_the_derivative_by_a_factor_on_the_head() -> None:
    """Michel et al. 2019, eq. 2, over two photos: ξ multiplies the heads before they are joined."""
    module, photos, classes = vit(img_size=(32, 32)), torch.randn(2, 3, 32, 32), [2, 5]
    factors = [torch.ones(1, 3, 1, 1, requires_grad=True) for _ in module.blocks]
    expected = torch.zeros(4, 3)
    for photo, target in zip(photos.split(1), classes, strict=True):
        x = module.norm_pre(module._pos_embed(module.patch_embed(photo)))
        for block, factor in zip(module.blocks, factors, strict=True):
            x = x + joined(block.attn, block.norm1(x), factor)
            x = x + block.mlp(block.norm2(x))
        logits = module.forward_head(module.norm(x))
        gradients = torch.autograd.grad(F.cross_entropy(logits, torch.tensor([target])), factors)
        expected += torch.stack([g.flatten().abs() for g in gradients]) / 2
    assert close(explain.head_importance(module, photos, classes).values, expected.double())


def joined(attention: torch.nn.Module, x: Tensor, factor: Tensor) -> Tensor:
    """Multi-head attention with a factor on each head's output."""
    batch, tokens, dim = x.shape
    heads = attention.num_heads
    q, k, v = attention.qkv(x).view(batch, tokens, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
    seen = (q @ k.transpose(-1, -2) * attention.scale).softmax(-1) @ v * factor
    return attention.proj(seen.transpose(1, 2).reshape(batch, tokens, dim))


def test_windows_are_summed_over() -> None:
    """Swin's heads, through a trace in which the loss was differentiated."""
    import timm

    torch.manual_seed(0)
    module = timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=56, depths=(2,), embed_dim=24, num_heads=(2,)
    ).eval()
    photo = torch.randn(1, 3, 56, 56, requires_grad=True)
    with capture(module, gradients=True) as recording:
        loss = F.cross_entropy(module(photo), torch.tensor([3]))
    found = importance_of([recording.differentiate(loss)])
    held: list[Tensor] = []
    for block in module.layers[0].blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, out: held.append(out))
    loss = F.cross_entropy(module(photo), torch.tensor([3]))
    gradients = torch.autograd.grad(loss, held)
    expected = [(a * g).sum((0, 2, 3)).abs() for a, g in zip(held, gradients, strict=True)]
    assert close(found.values, torch.stack(expected).detach().double())
