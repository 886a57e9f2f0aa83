"""The convolutional block attention module (Woo et al. 2018, "CBAM")."""

import torch
from torch import Tensor, nn

ARRANGEMENTS = ("channel_first", "spatial_first", "parallel")


class ChannelGate(nn.Module):
    """M_c(F) = σ(MLP(AvgPool(F)) + MLP(MaxPool(F))), equation 2; F is x here.

    Both poolings pass through the same two layers. Raises ValueError if the reduction leaves no
    hidden unit.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction {reduction} is not within 1..{channels}, the channels")
        self.hidden = nn.Linear(channels, channels // reduction)
        self.output = nn.Linear(channels // reduction, channels)

    def excite(self, pooled: Tensor) -> Tensor:
        """pooled: (batch, channel); returns the same shape, before the sigmoid."""
        excited: Tensor = self.output(torch.relu(self.hidden(pooled)))
        return excited

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the gate (batch, channel, 1, 1)."""
        average, maximum = x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        return torch.sigmoid(self.excite(average) + self.excite(maximum))[:, :, None, None]


class SpatialGate(nn.Module):
    """M_s(F) = σ(f⁷ˣ⁷([AvgPool(F); MaxPool(F)])), equation 3, pooled over the channels."""

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        # The authors' code normalises before the sigmoid, which keeps it away from saturation.
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the gate (batch, 1, height, width)."""
        pooled = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return torch.sigmoid(self.norm(self.conv(pooled)))


class CBAM(nn.Module):
    """A channel gate and a spatial gate in one of the three arrangements of section 3.

    channel_first: F' = M_c(F) · F, F'' = M_s(F') · F' (equation 1, the paper's best) ·
    spatial_first: the reverse order · parallel: both gates read F, and both scale it. Raises
    ValueError for an unknown arrangement, listing the valid ones.
    """

    def __init__(
        self, channels: int, reduction: int = 16, arrangement: str = "channel_first"
    ) -> None:
        super().__init__()
        if arrangement not in ARRANGEMENTS:
            valid = ", ".join(ARRANGEMENTS)
            raise ValueError(f"unknown arrangement {arrangement!r}; valid: {valid}")
        self.arrangement = arrangement
        self.channel = ChannelGate(channels, reduction)
        self.spatial = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the same shape."""
        channel: Tensor
        spatial: Tensor
        if self.arrangement == "parallel":
            channel, spatial = self.channel(x), self.spatial(x)
            return x * channel * spatial
        if self.arrangement == "spatial_first":
            spatial = self.spatial(x)
            masked = x * spatial
            channel = self.channel(masked)
            return masked * channel
        channel = self.channel(x)
        weighed = x * channel
        spatial = self.spatial(weighed)
        return weighed * spatial
