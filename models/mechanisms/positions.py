"""Positional encodings, which give tokens their position.

Sinusoidal: Vaswani et al. 2017, section 3.5. Learned, one vector a position (1-D) or the sum of one
vector a row and one a column (2-D): Dosovitskiy et al. 2020, appendix D.4.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sinusoidal_table(length: int, dim: int) -> Tensor:
    """PE(pos, 2i) = sin(pos / 10000^(2i/dim)), PE(pos, 2i+1) = cos of the same; (position, dim).

    dim is d_model of the paper. Raises ValueError for an odd dim.
    """
    if dim % 2:
        raise ValueError(f"a sinusoidal encoding needs an even dim, not {dim}")
    position = torch.arange(length, dtype=torch.float64).unsqueeze(1)
    wavelength = torch.exp(math.log(10000) * torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = position / wavelength
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1).float()


class NoPositions(nn.Module):
    """The control experiment: tokens without positions."""

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (batch, token, dim), returned as they are."""
        return tokens


class SinusoidalPositions(nn.Module):
    """A fixed table, row-major over the patch grid, not trained."""

    table: Tensor

    def __init__(self, grid: tuple[int, int], dim: int) -> None:
        super().__init__()
        # Not in the checkpoint: it follows from the formula.
        self.register_buffer("table", sinusoidal_table(grid[0] * grid[1], dim), persistent=False)

    def encoding(self) -> Tensor:
        """The vector of every position: (token, dim)."""
        return self.table

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (batch, token, dim), row-major over the grid; returns the same shape."""
        return tokens + self.encoding()


class LearnedPositions1D(nn.Module):
    """One free vector for every position."""

    def __init__(self, grid: tuple[int, int], dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(grid[0] * grid[1], dim))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def encoding(self) -> Tensor:
        """The vector of every position: (token, dim)."""
        return self.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (batch, token, dim), row-major over the grid; returns the same shape."""
        return tokens + self.encoding()


class LearnedPositions2D(nn.Module):
    """One vector for every row and one for every column, concatenated for each position.

    As in the paper's 2-D variant, each half has dim / 2 channels. Raises ValueError for an odd dim.
    """

    def __init__(self, grid: tuple[int, int], dim: int) -> None:
        super().__init__()
        if dim % 2:
            raise ValueError(f"a 2-D encoding needs an even dim, not {dim}")
        self.rows = nn.Parameter(torch.empty(grid[0], dim // 2))
        self.columns = nn.Parameter(torch.empty(grid[1], dim // 2))
        nn.init.trunc_normal_(self.rows, std=0.02)
        nn.init.trunc_normal_(self.columns, std=0.02)

    def encoding(self) -> Tensor:
        """The vector of every position: (token, dim), row-major."""
        height, width = len(self.rows), len(self.columns)
        rows = self.rows.unsqueeze(1).expand(-1, width, -1)
        columns = self.columns.unsqueeze(0).expand(height, -1, -1)
        return torch.cat([rows, columns], dim=2).flatten(0, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (batch, token, dim), row-major over the grid; returns the same shape."""
        return tokens + self.encoding()


POSITIONS: dict[str, Callable[[tuple[int, int], int], nn.Module]] = {
    "none": lambda grid, dim: NoPositions(),
    "sinusoidal": SinusoidalPositions,
    "learned_1d": LearnedPositions1D,
    "learned_2d": LearnedPositions2D,
}


def build_positions(name: str, grid: tuple[int, int], dim: int) -> nn.Module:
    """The encoding called name for a (rows, columns) grid; ValueError lists the valid names."""
    if name not in POSITIONS:
        raise ValueError(f"unknown positions {name!r}; valid: {', '.join(POSITIONS)}")
    return POSITIONS[name](grid, dim)


def cosine_similarity_map(encoding: Tensor) -> Tensor:
    """The cosine similarity of any two positions, -1..1 (figure 7 of Dosovitskiy et al.).

    encoding: (token, dim) · returns (token, token).
    """
    unit = F.normalize(encoding.float(), dim=1)
    return unit @ unit.T
