"""Networks whose attention can be had in float64, for the tests of edits."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lively(network: nn.Module) -> nn.Module:
    """Without layer scales and normalisations near zero, that hide what a fresh layer adds."""
    for parameter in network.parameters():
        if parameter.ndim == 1 and float(parameter.detach().abs().max()) < 1e-2:
            parameter.data = seeded(*parameter.shape) * 0.2
    return network.eval()


class Block(nn.Module):
    """Self-attention whose matrix can be had in float64, fused or written out."""

    def __init__(self, heads: int = 4, *, written: bool = False, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.written, self.causal = heads, written, causal
        self.qkv = nn.Linear(32, 96)
        self.out = nn.Linear(32, 32)

    def parts(self, x: Tensor) -> tuple[Tensor, ...]:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return tuple(qkv.unbind(0))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        if self.written:
            scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
            joined = scores.softmax(-1) @ v
        else:
            joined = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return x + self.out(joined.transpose(1, 2).flatten(2))


class Net(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 32, 8, 8)
        self.cls = nn.Parameter(torch.zeros(1, 1, 32))
        self.pos = nn.Parameter(seeded(1, 17, 32, seed=9) * 0.5)
        self.blocks = nn.ModuleList(Block(**options) for _ in range(2))
        self.head = nn.Linear(32, 5)

    def forward(self, photo: Tensor) -> Tensor:
        tokens = self.embed(photo).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(len(photo), -1, -1), tokens), 1) + self.pos
        for one in self.blocks:
            x = one(x)
        return self.head(x[:, 0])


def net(**options: Any) -> Net:
    torch.manual_seed(0)
    return Net(**options).eval()


PHOTO = seeded(2, 3, 32, 32, seed=4)
