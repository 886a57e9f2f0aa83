"""Squeeze-and-excitation (Hu, Shen and Sun 2018, "Squeeze-and-Excitation Networks")."""

import torch
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """A gate on every channel, read from the global average of all of them.

    z = global average pool (equation 2), s = sigmoid(W2 relu(W1 z)) (equation 3), x̃ = s · u
    (equation 4; u is x here). The paper's formula omits the biases; they are kept here, as in its
    released code. Raises ValueError if the reduction leaves no hidden unit.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction {reduction} is not within 1..{channels}, the channels")
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the same shape."""
        squeezed = x.mean(dim=(2, 3))
        hidden = torch.relu(self.squeeze(squeezed))
        gate = torch.sigmoid(self.excite(hidden))
        return x * gate[:, :, None, None]
