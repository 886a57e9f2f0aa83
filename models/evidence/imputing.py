"""Imputes hidden pixels from their neighbours, so that a hole has no visible shape.

Each hidden pixel is the weighted mean of its eight neighbours, 1/6 for adjacent and 1/12 for
diagonal ones (Rong et al. 2022, section 4.2). This is a symmetric positive definite linear system
with one unknown per hidden pixel. It is solved by conjugate gradients preconditioned with one
multigrid V-cycle (Tatebe 1993; Briggs, Henson & McCormick 2000, chapter 3): coarser grids remove
smooth error, which the stencil alone spreads by one pixel an iteration. About ten iterations
suffice, whatever the size of the hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

ACROSS = 1 / 12
"""Weight of a diagonal neighbour; an adjacent one has twice that."""
PRECISION = 1e-7
"""Relative residual at which the iteration stops; 1 is the residual of zeros in the holes."""
MOST_ROUNDS = 200
COARSEST = 4
"""Grids with fewer rows or columns are not coarsened further."""


def solved(pictures: Tensor, hidden: Tensor) -> Tensor:
    """The pictures with their hidden pixels imputed, in float64.

    pictures: (picture, channel, row, column). hidden: bool (picture, row, column); at least one
    pixel of each picture must be visible. Pixels at the border use the weights of the neighbours
    that exist.
    """
    mask = hidden[:, None].double()
    known = pictures.double() * (1 - mask)
    finest, *_ = _grids(mask)
    # The preconditioner runs in single precision, which suffices and takes half the time.
    grids = _grids(mask.float())
    right = _neighbours(known) * mask
    x = _guess(known, 1 - mask) * mask
    residual = right - finest.system(x)
    enough = PRECISION**2 * _dot(right, right).clamp(min=1e-30)
    better = _v_cycle(residual.float(), grids).double()
    direction, size = better, _dot(residual, better)
    for _ in range(MOST_ROUNDS):
        if bool((_dot(residual, residual) <= enough).all()):
            break
        moved = finest.system(direction)
        step = size / _dot(direction, moved).clamp(min=1e-300)
        x = x + step * direction
        residual = residual - step * moved
        better = _v_cycle(residual.float(), grids).double()
        after = _dot(residual, better)
        direction = better + after / size.clamp(min=1e-300) * direction
        size = after
    return x + known


@dataclass(frozen=True, eq=False, slots=True)
class _Grid:
    """One grid level. mask: 1 where a value is unknown, else 0 · inverse: of the stencil's
    diagonal.
    """

    mask: Tensor
    weights: Tensor
    inverse: Tensor

    def system(self, x: Tensor) -> Tensor:
        """W·x − N·x, with x zero at known pixels."""
        return (self.weights * x - _neighbours(x)) * self.mask

    def smoothed(self, x: Tensor, right: Tensor) -> Tensor:
        """One undamped Jacobi sweep: for this stencil the eigenvalues of the modes that a coarser
        grid cannot represent lie between 2/3 and 4/3, symmetric about 1.
        """
        return x + self.inverse * (right - self.system(x))


def _grids(mask: Tensor) -> list[_Grid]:
    """From the finest to the coarsest; a coarse value is unknown if all four below are."""
    found = []
    while True:
        weights = _neighbours(torch.ones_like(mask[:1, :1]))
        found.append(_Grid(mask, weights, mask / weights))
        if min(mask.shape[2:]) < 2 * COARSEST or not bool(mask.any()):
            return found
        mask = 1 - F.max_pool2d(1 - mask, 2, ceil_mode=True)


def _v_cycle(right: Tensor, grids: Sequence[_Grid]) -> Tensor:
    """An approximate inverse applied to the residual; symmetric, as conjugate gradients require."""
    finest, *coarser = grids
    x = finest.inverse * right  # a Jacobi sweep starting at zero
    if not coarser:
        return finest.smoothed(x, right)
    left = right - finest.system(x)
    # In two dimensions the stencil's energy is the same on every grid, so nothing is rescaled.
    below = _v_cycle(_down(left, coarser[0].mask), coarser)
    return finest.smoothed(x + _up(below, finest.mask), right)


def _up(coarse: Tensor, mask: Tensor) -> Tensor:
    """Bilinear prolongation to the grid with twice the rows and columns."""
    height, width = mask.shape[2:]
    rows = _along(coarse, 2)[:, :, :height]
    return _along(rows, 3)[:, :, :, :width] * mask


def _along(coarse: Tensor, axis: int) -> Tensor:
    """Each value becomes two: 3/4 of itself plus 1/4 of the neighbour on that side."""
    zero = torch.zeros_like(coarse.narrow(axis, 0, 1))
    length = coarse.shape[axis]
    before = torch.cat([zero, coarse.narrow(axis, 0, length - 1)], axis)
    after = torch.cat([coarse.narrow(axis, 1, length - 1), zero], axis)
    both = torch.stack([0.75 * coarse + 0.25 * before, 0.75 * coarse + 0.25 * after], axis + 1)
    return both.flatten(axis, axis + 1)


def _down(fine: Tensor, mask: Tensor) -> Tensor:
    """The transpose of `_up`."""
    rows, columns = mask.shape[2:]
    padded = F.pad(fine, (0, 2 * columns - fine.shape[3], 0, 2 * rows - fine.shape[2]))
    return _gathered(_gathered(padded, 2), 3) * mask


def _gathered(fine: Tensor, axis: int) -> Tensor:
    pairs = fine.unflatten(axis, (-1, 2))
    first, second = pairs.select(axis + 1, 0), pairs.select(axis + 1, 1)
    found: Tensor = 0.75 * (first + second)
    length = found.shape[axis]
    found.narrow(axis, 0, length - 1).add_(first.narrow(axis, 1, length - 1), alpha=0.25)
    found.narrow(axis, 1, length - 1).add_(second.narrow(axis, 0, length - 1), alpha=0.25)
    return found


def _neighbours(values: Tensor) -> Tensor:
    """The weighted sum of the eight neighbours; zero beyond the border.

    With 1/12 for diagonal and 1/6 for adjacent neighbours, the weights are those of [1, 2, 1] along
    both axes, over 12, minus 4/12 at the centre: sums of shifted copies, a hundred times faster
    than a float64 convolution.
    """
    down = 2 * values
    down[..., 1:, :] += values[..., :-1, :]
    down[..., :-1, :] += values[..., 1:, :]
    both = 2 * down
    both[..., 1:] += down[..., :-1]
    both[..., :-1] += down[..., 1:]
    return both.mul_(ACROSS).sub_(values, alpha=4 * ACROSS)


def _guess(known: Tensor, weight: Tensor) -> Tensor:
    """Initial guess: holes filled from ever coarser means of known pixels.

    known: zero in holes. weight: (picture, 1, row, column), zero in holes.
    """
    height, width = known.shape[2:]
    if min(height, width) < COARSEST:
        sums, weights = (one.sum((2, 3), keepdim=True) for one in (known, weight))
        mean = sums / weights.clamp(min=1e-12)
        return torch.where(weight > 0, known / weight.clamp(min=1e-12), mean)
    coarse = [F.avg_pool2d(one, 2, ceil_mode=True) for one in (known, weight)]
    filled = F.interpolate(_guess(*coarse), (height, width), mode="bilinear", align_corners=False)
    return torch.where(weight > 0, known / weight.clamp(min=1e-12), filled)


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Dot product for each channel of each picture, as their systems are independent."""
    return (one * other).sum((2, 3), keepdim=True)
