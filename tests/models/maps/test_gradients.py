"""Gradient maps by row propagation against the matrix forms, in float64 through autograd itself."""

import pytest
import torch
from torch import Tensor, nn

from models.capture import capture
from models.layout import place, survey
from models.maps.gradients import (
    NoGradients,
    attention_grad_cam,
    gradient_rollout,
    gradient_rows,
    relevance,
)
from models.maps.mass import dino, heaviest
from models.records import Map, Trace
from models.torchvision_operators import declare_missing_operators

declare_missing_operators()

TARGET = 7


def network(**options: object) -> nn.Module:
    """A random ViT, with registers and a non-square grid where `options` ask for them."""
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(3)
    return VisionTransformer(
        patch_size=8, embed_dim=48, depth=4, num_heads=3, num_classes=10, **options
    ).eval()


CASES = {
    "class token": {"img_size": (32, 32)},
    "registers, 5×8 patches": {"img_size": (40, 64), "reg_tokens": 4},
}


@pytest.fixture(params=CASES, ids=list(CASES))
def seen(request: pytest.FixtureRequest) -> tuple[Trace, list[Tensor], list[Tensor], int]:
    """(trace from capture, attention matrices, their gradients, prefix tokens)."""
    module = network(**CASES[request.param])
    photo = torch.randn(1, 3, *CASES[request.param]["img_size"], requires_grad=True)
    with capture(module, gradients=True) as recording:
        logits = module(photo)
    trace = recording.differentiate(logits[0, TARGET])
    trace = place(trace, survey(module, photo.detach()))
    # The reference: the same network in float64, unfused, every matrix kept in the graph.
    matrices: list[Tensor] = []
    exact = module.double()
    for block in exact.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, out: matrices.append(out))
    target = exact(photo.detach().double())[0, TARGET]
    gradients = torch.autograd.grad(target, matrices)
    return (
        trace,
        [m.detach()[0] for m in matrices],
        [g[0] for g in gradients],
        module.num_prefix_tokens,
    )


def close(got: Tensor, expected: Tensor) -> bool:
    return bool((got.double() - expected).abs().max() <= 1e-4 * expected.abs().max())


def test_gradient_of_every_entry(seen) -> None:
    trace, _, gradients, _ = seen
    for site, expected in zip(trace.sites, gradients, strict=True):
        assert close(gradient_rows(site.attention), expected)
        some = torch.tensor([0, 3])
        assert close(gradient_rows(site.attention, some), expected[:, some])


def on_patches(row: Tensor, prefix: int, result: Map) -> bool:
    return close(result.values.flatten(), row[prefix:])


def test_gradient_rollout(seen) -> None:
    trace, matrices, gradients, prefix = seen
    total = torch.eye(matrices[0].shape[-1], dtype=torch.float64)
    for attention, gradient in zip(matrices, gradients, strict=True):
        mixed = (attention * gradient).mean(0).clamp(min=0) + torch.eye(len(total))
        total = mixed / mixed.sum(-1, keepdim=True) @ total
    assert on_patches(total[0], prefix, gradient_rollout(trace))


def test_relevance(seen) -> None:
    trace, matrices, gradients, prefix = seen
    total = torch.eye(matrices[0].shape[-1], dtype=torch.float64)
    for attention, gradient in zip(matrices, gradients, strict=True):
        total = total + (attention * gradient).clamp(min=0).mean(0) @ total
    assert on_patches(total[0], prefix, relevance(trace))


def test_attention_grad_cam(seen) -> None:
    trace, matrices, gradients, prefix = seen
    weight = gradients[-1][:, 0, prefix:].mean(-1)
    expected = torch.einsum("h,hj->j", weight, matrices[-1][:, 0, prefix:]) / len(weight)
    assert close(attention_grad_cam(trace).values.flatten(), expected.clamp(min=0))


def test_dino_keeps_the_smallest_set_above_the_mass(seen) -> None:
    trace, matrices, _, prefix = seen
    result = dino(trace, 0.6)
    for head, row in enumerate(matrices[-1][:, 0, prefix:]):
        order = row.argsort(descending=True)
        count = int((row[order].cumsum(0) / row.sum() < 0.6).sum()) + 1
        kept = result.values[head].flatten().nonzero().flatten()
        assert set(kept.tolist()) == set(order[:count].tolist())


def test_heaviest_by_hand() -> None:
    values = torch.tensor([0.1, 0.5, 0.15, 0.25])
    assert heaviest(values, 0.6).tolist() == pytest.approx([0, 0.5, 0, 0.25])
    assert heaviest(values, 1.0).tolist() == pytest.approx(values.tolist())


def test_explicit_matrices_have_their_gradients() -> None:
    """The same network with fused attention off gives the same maps through the other signature."""
    module = network(img_size=(32, 32))
    photo = torch.randn(1, 3, 32, 32, requires_grad=True)
    results = []
    for fused in (True, False):
        for block in module.blocks:
            block.attn.fused_attn = fused
        with capture(module, gradients=True) as recording:
            logits = module(photo)
        trace = place(recording.differentiate(logits[0, TARGET]), survey(module, photo.detach()))
        results.append(relevance(trace).values.double())
    assert close(results[0], results[1])


def test_without_gradients_it_says_so() -> None:
    module = network(img_size=(32, 32))
    with capture(module) as recording:
        module(torch.randn(1, 3, 32, 32))
    trace = place(recording.trace, survey(module, torch.randn(1, 3, 32, 32)))
    with pytest.raises(NoGradients, match=r"Recording\.differentiate"):
        relevance(trace)
    with pytest.raises(ValueError, match="gradients=True"):
        recording.differentiate(torch.zeros(()))
