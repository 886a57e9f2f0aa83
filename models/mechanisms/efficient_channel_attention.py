"""Efficient channel attention (Wang et al. 2020, "ECA-Net")."""

import math

import torch
from torch import Tensor, nn


def kernel_size(channels: int, gamma: float = 2, b: float = 1) -> int:
    """How many neighbouring channels a gate reads: the odd k of equation 12.

    k = |log2(C)/γ + b/γ|_odd, where |t|_odd is the odd number nearest to t. As in the paper's
    released code, t is truncated and an even result is increased by one.
    """
    whole = int(abs((math.log2(channels) + b) / gamma))
    return whole if whole % 2 else whole + 1


class EfficientChannelAttention(nn.Module):
    """A gate on every channel, read from its k neighbours: ω = σ(C1D_k(y)), equation 9.

    y is the global average pool of x. No channel reduction, and k weights in all.
    """

    def __init__(self, channels: int, gamma: float = 2, b: float = 1) -> None:
        super().__init__()
        size = kernel_size(channels, gamma, b)
        self.neighbours = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the same shape."""
        pooled = x.mean(dim=(2, 3))
        # The 1-D convolution runs along the channels.
        gate = torch.sigmoid(self.neighbours(pooled.unsqueeze(1))).squeeze(1)
        return x * gate[:, :, None, None]
