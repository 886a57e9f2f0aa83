"""The maps as papers and tools usually compute them: all N×N matrices kept, then multiplied.

The reference of `benchmarks/maps.py` and `benchmarks/peers.py`. Fused attention is off and hooks on
`attn_drop` keep the matrices, the usual recipe for timm's transformers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def unfused(module: nn.Module) -> nn.Module:
    """The network with fused attention off, so that there are matrices to hook."""
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # type: ignore[assignment]
    return module


@dataclass(eq=False)
class Hooked:
    """A network whose hooks keep every attention matrix and every block's output."""

    module: nn.Module
    matrices: list[Tensor] = field(default_factory=list)
    streams: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        unfused(self.module)
        for name, part in self.module.named_modules():
            if name.endswith("attn_drop"):
                part.register_forward_hook(lambda _, __, out: self.matrices.append(out))
            if name.startswith("blocks.") and name.count(".") == 1:
                part.register_forward_hook(lambda _, __, out: self.streams.append(out))

    def forward(self, photos: Tensor) -> Tensor:
        """Logits; frees what an earlier pass kept."""
        self.matrices.clear()
        self.streams.clear()
        logits: Tensor = self.module(photos)
        return logits

    def with_gradients(
        self, photos: Tensor, objective: Callable[[Tensor], Tensor]
    ) -> list[tuple[Tensor, Tensor]]:
        """(A, ∂/∂A) of every layer, all at once."""
        target = objective(self.forward(photos.detach().requires_grad_()))
        gradients = torch.autograd.grad(target, self.matrices)
        return [(a.detach(), g) for a, g in zip(self.matrices, gradients, strict=True)]


def _eye(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-1])


def _rolled(layers: list[Tensor]) -> Tensor:
    """R = Ã_L…Ã_1 for matrices (batch, N, N); the class token's row."""
    result = _eye(layers[0])
    for fused in layers:
        mixed = fused + _eye(fused)
        result = (mixed / mixed.sum(-1, keepdim=True)) @ result
    return result[..., 0, :]


def rollout(network: Hooked, photos: Tensor) -> Tensor:
    """Abnar & Zuidema 2020."""
    with torch.no_grad():
        network.forward(photos)
        return _rolled([matrix.mean(1) for matrix in network.matrices])


def vit_explain(network: Hooked, photos: Tensor, discard: float = 0.9) -> Tensor:
    """The recipe of vit-explain: fuse, zero the smallest entries, add I, normalise, multiply."""
    with torch.no_grad():
        network.forward(photos)
        result = _eye(network.matrices[0])
        for matrix in network.matrices:
            fused = matrix.mean(1)
            flat = fused.view(len(fused), -1)
            smallest = flat.topk(int(flat.shape[-1] * discard), -1, largest=False).indices
            flat.scatter_(-1, smallest, 0)
            mixed = (fused + _eye(fused)) / 2
            result = (mixed / mixed.sum(-1, keepdim=True)) @ result
        return result[:, 0]


def gradient_rollout(network: Hooked, photos: Tensor, target: int) -> Tensor:
    """E = (mean_h A⊙∇A)⁺ in place of the fused matrix."""
    kept = network.with_gradients(photos, lambda logits: logits[:, target].sum())
    return _rolled([(a * g).mean(1).clamp(min=0) for a, g in kept])


def relevance(network: Hooked, photos: Tensor, target: int) -> Tensor:
    """Chefer, Gur & Wolf, ICCV 2021: R ← R + ĒR."""
    kept = network.with_gradients(photos, lambda logits: logits[:, target].sum())
    result = _eye(kept[0][0])
    for a, g in kept:
        result = result + (a * g).clamp(min=0).mean(1) @ result
    return result[..., 0, :]


def attention_grad_cam(network: Hooked, photos: Tensor, target: int) -> Tensor:
    """The last layer's, with hooks on every layer as in the usual recipes."""
    a, g = network.with_gradients(photos, lambda logits: logits[:, target].sum())[-1]
    weight = g[:, :, 0, 1:].mean(-1, keepdim=True)
    return (weight * a[:, :, 0, 1:]).mean(1).clamp(min=0)


def head_importance(network: Hooked, photos: Tensor, target: int) -> Tensor:
    """|Σ A⊙∂L/∂A|: (layer, head)."""
    classes = torch.full((len(photos),), target)
    kept = network.with_gradients(photos, lambda logits: F.cross_entropy(logits, classes))
    return torch.stack([(a * g).sum((2, 3)).abs().mean(0) for a, g in kept])


def legrad(network: Hooked, photos: Tensor, target: int) -> Tensor:
    """Every layer's score differentiated by that layer's matrix, through one kept graph."""
    network.forward(photos.detach().requires_grad_())
    module, total = network.module, torch.zeros(())
    for matrix, stream in zip(network.matrices, network.streams, strict=True):
        pooled = module.fc_norm(module.norm(stream.mean(1)))  # type: ignore[operator]
        score = module.head(pooled)[:, target].sum()  # type: ignore[operator]
        (gradient,) = torch.autograd.grad(score, matrix, retain_graph=True)
        total = total + gradient.clamp(min=0).mean((1, 2))
    return total / len(network.matrices)
