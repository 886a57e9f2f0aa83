"""Baseline maps that ignore the network: a map must beat them to be evidence."""

from __future__ import annotations

import torch
from torch import Tensor

RANDOM_MAPS = 5
"""Minimum number of random maps, so that their spread is known."""
CENTRE_SHARE = 1 / 4
"""Standard deviation of the centred Gaussian, as a fraction of each side."""
LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601 luma weights of the channels."""


def random_map(rows: int, columns: int, seed: int) -> Tensor:
    """Uniform noise: float64 (row, column)."""
    return torch.rand(
        rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def centre(rows: int, columns: int) -> Tensor:
    """A Gaussian in the centre, with standard deviation CENTRE_SHARE of each side: float64 (row,
    column).
    """

    def along(cells: int) -> Tensor:
        middle_of_cell = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells - 0.5
        return torch.exp(-middle_of_cell.square() / (2 * CENTRE_SHARE**2))

    return along(rows)[:, None] * along(columns)


def edges(picture: Tensor, cells: Tensor) -> Tensor:
    """Strength of the photo's own edges in each cell: float64 (cell,).

    The mean over the cell of the Sobel gradient magnitude of the luma. picture: (channel, row,
    column). cells: int64 (row, column), the cell of each pixel, −1 for none.
    """
    weights = torch.tensor(LUMA, dtype=torch.float64, device=picture.device)
    picture = picture.double()
    grey = (picture * weights[:, None, None]).sum(0) if picture.shape[0] == 3 else picture.mean(0)
    grey = torch.nn.functional.pad(grey[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    across = grey[:, 2:] - grey[:, :-2]
    down = grey[2:] - grey[:-2]
    x = across[:-2] + 2 * across[1:-1] + across[2:]
    y = down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]
    return mean_of_cells((x.square() + y.square()).sqrt(), cells)


def mean_of_cells(values: Tensor, cells: Tensor) -> Tensor:
    """The mean of (row, column) values over the pixels of each cell: (cell,)."""
    known = cells >= 0
    count = int(cells.max()) + 1
    sums = torch.zeros(count, dtype=values.dtype, device=values.device)
    sums.index_add_(0, cells[known], values[known])
    sizes = torch.bincount(cells[known], minlength=count).to(values)
    return sums / sizes.clamp(min=1)
