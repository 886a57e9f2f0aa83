"""Coordinate attention (Hou, Zhou and Feng 2021, "Coordinate Attention for Efficient Mobile
Network Design").
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Strips(NamedTuple):
    """rows: (batch, channel, height, 1), one factor a row · columns: (batch, channel, 1, width)."""

    rows: Tensor
    columns: Tensor


class CoordinateAttention(nn.Module):
    """Two gates, one along each axis: y_c(i, j) = x_c(i, j) · g^h_c(i) · g^w_c(j), equation 9.

    z^h is the mean over each row (equation 4), z^w the mean over each column (equation 5). Both
    strips pass through one layer together, f = δ(F_1([z^h, z^w])) (equation 6), with a batch norm
    and a hard swish for δ as in the authors' code; then separately, g^h = σ(F_h(f^h)), g^w =
    σ(F_w(f^w)) (equations 7 and 8). Global pooling, as in squeeze-and-excitation, discards
    positions; these two means each keep one coordinate.

    reduction: r of the paper; at least `fewest` hidden channels are kept. Raises ValueError for a
    reduction below 1.
    """

    def __init__(self, channels: int, reduction: int = 32, fewest: int = 8) -> None:
        super().__init__()
        if reduction < 1:
            raise ValueError(f"reduction {reduction} is below 1")
        hidden = max(fewest, channels // reduction)
        self.squeeze = nn.Conv2d(channels, hidden, 1, bias=False)
        self.norm = nn.BatchNorm2d(hidden)
        self.excite_rows = nn.Conv2d(hidden, channels, 1)
        self.excite_columns = nn.Conv2d(hidden, channels, 1)

    def strips(self, x: Tensor) -> Strips:
        """x: (batch, channel, height, width)."""
        height, width = x.shape[2:]
        rows = x.mean(dim=3, keepdim=True)
        columns = x.mean(dim=2, keepdim=True).transpose(2, 3)  # upright, like the rows
        both = F.hardswish(self.norm(self.squeeze(torch.cat([rows, columns], dim=2))))
        rows, columns = both.split([height, width], dim=2)
        return Strips(
            torch.sigmoid(self.excite_rows(rows)),
            torch.sigmoid(self.excite_columns(columns.transpose(2, 3))),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the same shape."""
        rows, columns = self.strips(x)
        return x * rows * columns
