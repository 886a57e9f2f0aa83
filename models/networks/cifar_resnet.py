"""A ResNet for small photos (He et al. 2016, section 4.2), with a slot for any of the gates."""

import torch
from torch import Tensor, nn

from fovea.models.networks.gated_resnet import GATES, convolution

VALID_GATES = tuple(name for name in GATES if name != "self_attention")
STAGE_CHANNELS = (32, 64, 128)
STAGE_BLOCKS = 3


class BasicBlock(nn.Module):
    """3x3, 3x3, the gate, and the residual sum."""

    def __init__(self, inputs: int, channels: int, stride: int, gate: nn.Module) -> None:
        super().__init__()
        self.first = convolution(inputs, channels, 3, stride)
        self.second = convolution(channels, channels, 3)
        self.gate = gate
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inputs == channels
            else nn.Sequential(nn.AvgPool2d(stride), convolution(inputs, channels, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, inputs, height, width); returns (batch, channels, height / stride, …)."""
        changed = self.second(torch.relu(self.first(x)))
        return torch.relu(self.gate(changed) + self.shortcut(x))


class CifarResNet(nn.Module):
    """Stem at full size, three stages of three blocks (1/1, 1/2, 1/4), average pool, linear head.

    Twenty layers, as the paper's ResNet-20, with twice its channels to give gates more to select
    from. gate: a name in VALID_GATES; ValueError lists them for any other.
    """

    def __init__(self, gate: str = "none", classes: int = 10) -> None:
        super().__init__()
        if gate not in VALID_GATES:
            raise ValueError(f"unknown gate {gate!r}; valid: {', '.join(VALID_GATES)}")
        inputs = STAGE_CHANNELS[0]
        self.stem = nn.Sequential(convolution(3, inputs, 3), nn.ReLU())
        blocks = []
        for number, channels in enumerate(STAGE_CHANNELS):
            for block in range(STAGE_BLOCKS):
                stride = 2 if number > 0 and block == 0 else 1
                blocks.append(BasicBlock(inputs, channels, stride, GATES[gate](channels)))
                inputs = channels
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(inputs, classes)

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """The output of every block, each (batch, channel, row, column)."""
        maps, x = [], self.stem(x)
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (batch, 3, height, width); the embedding (batch, 128) and the last map."""
        last = self.feature_maps(x)[-1]
        return last.mean(dim=(2, 3)), last

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 3, height, width); returns logits (batch, class)."""
        logits: Tensor = self.head(self.features(x)[0])
        return logits
