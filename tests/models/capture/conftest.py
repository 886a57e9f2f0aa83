"""Networks of two blocks whose attention is written one way or another, and their matrices."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.kinds.attention.rows import rows
from fovea.models.records import Attention

TOKENS = torch.randn(2, 6, 32, generator=torch.Generator().manual_seed(1))
PHOTO = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(2))


def matrix(attention: Attention) -> Tensor:
    """(photo, head, query, key)"""
    parts = (attention.query, attention.key, attention.mask, attention.probabilities)

    def of(photo: int) -> Attention:
        one = [None if p is None else p[photo : photo + 1] if len(p) > 1 else p for p in parts]
        return replace(
            attention, query=one[0], key=one[1], mask=one[2], probabilities=one[3], value=None
        )

    return torch.stack([rows(of(photo)) for photo in range(attention.shape[0])])


class Block(nn.Module):
    """Attention as timm writes it; `attend` does it otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(32, 96)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).reshape(len(x), -1, 3, 4, 8).permute(2, 0, 3, 1, 4)
        return x + self.attend(q, k, v).transpose(1, 2).flatten(2)


class Written(Block):
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (q @ k.mT * 8**-0.5).softmax(-1) @ v


class Network(nn.Module):
    def __init__(self, block: Callable[[], nn.Module] = Block) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 16, 16)
        self.blocks = nn.ModuleList(block() for _ in range(2))

    def forward(self, photo: Tensor) -> Tensor:
        x = self.stem(photo).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x.mean(1)


def network(block: Callable[[], nn.Module] = Block) -> Network:
    torch.manual_seed(0)
    return Network(block).eval()


@pytest.fixture(scope="module")
def expected() -> list[Tensor]:
    plain = network()
    with torch.no_grad(), capture(plain) as recording:
        plain(PHOTO)
    return [matrix(site.attention) for site in recording.trace.sites]
