"""A compact ResNet with a slot for any of the gates (He et al. 2016, with a gate in each block)."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from fovea.models.mechanisms.cbam import CBAM
from fovea.models.mechanisms.coordinate_attention import CoordinateAttention
from fovea.models.mechanisms.efficient_channel_attention import EfficientChannelAttention
from fovea.models.mechanisms.feature_map_attention import FeatureMapAttention
from fovea.models.mechanisms.squeeze_excitation import SqueezeExcitation

GATES: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "se": SqueezeExcitation,
    "eca": EfficientChannelAttention,
    "cbam": lambda channels: CBAM(channels, arrangement="channel_first"),
    "cbam_spatial_first": lambda channels: CBAM(channels, arrangement="spatial_first"),
    "cbam_parallel": lambda channels: CBAM(channels, arrangement="parallel"),
    "coordinate": CoordinateAttention,
    # Not a gate in each block, but two layers on the inner feature map: see GatedResNet.
    "self_attention": lambda channels: nn.Identity(),
}

STEM_CHANNELS = 24
STAGE_CHANNELS = (64, 160, 320)
STAGE_BLOCKS = (1, 4, 2)


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """A bias-free convolution followed by batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Bottleneck(nn.Module):
    """1x1 down to half the channels, 3x3, 1x1 up, the gate, and the residual sum.

    attention: applied to the sum; nn.Identity() in most blocks.
    """

    def __init__(
        self, inputs: int, channels: int, stride: int, gate: nn.Module, attention: nn.Module
    ) -> None:
        super().__init__()
        inner = channels // 2
        self.reduce = convolution(inputs, inner, 1)
        self.conv = convolution(inner, inner, 3, stride)
        self.expand = convolution(inner, channels, 1)
        self.gate = gate
        self.attention = attention
        # The average pool uses every pixel in the shortcut, which a strided 1x1 would not.
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inputs == channels
            else nn.Sequential(nn.AvgPool2d(stride), convolution(inputs, channels, 1))
        )
        # A block starts as the identity (Goyal et al. 2017), so that training starts smoothly.
        nn.init.zeros_(self.expand[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, inputs, height, width); returns (batch, channels, height / stride, …)."""
        inner = torch.relu(self.reduce(x))
        inner = torch.relu(self.conv(inner))
        total = torch.relu(self.gate(self.expand(inner)) + self.shortcut(x))
        looked: Tensor = self.attention(total)
        return looked


class GatedResNet(nn.Module):
    """Stem to 1/4 of the size, three stages (1/4, 1/8, 1/16), global average pool, linear head.

    gate: a name in GATES. "self_attention" places two FeatureMapAttention layers in the middle and
    at the end of the second stage, on 14 x 14 positions for a 112 px input; spectral enables their
    spectral norm, for training. Raises ValueError for an unknown gate.
    """

    def __init__(
        self, gate: str = "none", classes: int = 101, channels: int = 3, spectral: bool = False
    ) -> None:
        super().__init__()
        if gate not in GATES:
            raise ValueError(f"unknown gate {gate!r}; valid: {', '.join(GATES)}")
        self.stem = nn.Sequential(
            convolution(channels, STEM_CHANNELS, 3, stride=2),
            nn.ReLU(),
            convolution(STEM_CHANNELS, STAGE_CHANNELS[0], 3, stride=2),
            nn.ReLU(),
        )
        stages, inputs = [], STAGE_CHANNELS[0]
        for number, (width, blocks) in enumerate(zip(STAGE_CHANNELS, STAGE_BLOCKS, strict=True)):
            layers: list[nn.Module] = []
            for block in range(blocks):
                stride = 2 if number > 0 and block == 0 else 1
                looks = gate == "self_attention" and number == 1 and block in (1, blocks - 1)
                attention = FeatureMapAttention(width, spectral=spectral) if looks else None
                layers.append(
                    Bottleneck(
                        inputs, width, stride, GATES[gate](width), attention or nn.Identity()
                    )
                )
                inputs = width
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Linear(inputs, classes)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (batch, channel, height, width).

        Returns the embedding (batch, 320) and the second stage's map (batch, 160, height / 8, …).
        """
        x = self.stages[0](self.stem(x))
        inner = self.stages[1](x)
        return self.stages[2](inner).mean(dim=(2, 3)), inner

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """The map after every block, (batch, channel, row, column); x: as for `forward`."""
        x, maps = self.stem(x), []
        for stage in self.stages:
            for block in cast(nn.Sequential, stage):
                x = block(x)
                maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns logits (batch, class)."""
        logits: Tensor = self.head(self.features(x)[0])
        return logits
