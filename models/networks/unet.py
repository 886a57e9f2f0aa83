"""A U-Net with self-attention (Ronneberger et al. 2015, with Zhang et al. 2019's layer)."""

import torch
from torch import Tensor, nn

from fovea.models.mechanisms.feature_map_attention import FeatureMapAttention

CHANNELS = (24, 48, 80, 128)
"""Channels at full, half, quarter and eighth resolution."""

LOOKING = 2
"""From this level down blocks have attention: at a quarter of the size and coarser."""


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm and ReLU, then the attention, if any.

    Padded, unlike the paper's, so that the mask has the input's size.
    """

    def __init__(self, inputs: int, channels: int, attention: nn.Module) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, inputs, height, width); returns (batch, channels, height, width)."""
        looked: Tensor = self.attention(self.convolutions(x))
        return looked


class UNet(nn.Module):
    """Three times down by max pooling and up by 2x2 up-convolutions, with skip connections at each
    level.

    attention: every block at a quarter of the size and coarser, three in all, ends in a
    FeatureMapAttention; otherwise the network is identical. Height and width must be multiples of
    8. The receptive field is 92 px through convolutions alone, and unbounded through attention.
    """

    def __init__(self, classes: int = 2, channels: int = 3, attention: bool = True) -> None:
        super().__init__()

        def block(inputs: int, level: int) -> Block:
            width = CHANNELS[level]
            looks = attention and level >= LOOKING
            layer = FeatureMapAttention(width) if looks else nn.Identity()
            return Block(inputs, width, layer)

        levels = range(len(CHANNELS))
        self.down = nn.ModuleList(
            block(CHANNELS[level - 1] if level else channels, level) for level in levels
        )
        self.pool = nn.MaxPool2d(2)
        upwards = list(reversed(levels))[1:]
        self.enlarge = nn.ModuleList(
            nn.ConvTranspose2d(CHANNELS[level + 1], CHANNELS[level], 2, stride=2)
            for level in upwards
        )
        self.up = nn.ModuleList(block(2 * CHANNELS[level], level) for level in upwards)
        self.head = nn.Conv2d(CHANNELS[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns logits (batch, class, height, width)."""
        passed = []
        for number, block in enumerate(self.down):
            x = block(self.pool(x) if number else x)
            passed.append(x)
        for enlarge, block, beside in zip(self.enlarge, self.up, passed[-2::-1], strict=True):
            x = block(torch.cat([beside, enlarge(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits
