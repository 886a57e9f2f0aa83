"""Remove and debias: hidden pixels are solved from their neighbours, so that holes have no shape.

Rong, Leemann, Borisov, Kasneci & Kasneci 2022, "A consistent and efficient evaluation strategy for
attribution methods" (ICML), section 4.2: each hidden pixel is the weighted mean of its eight
neighbours, 1/6 beside and 1/12 across a corner, and little noise on top.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.evidence.curves import Score

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NOISE = 0.01
ACROSS = 1 / 12
"""The weight of a neighbour across a corner; one beside has twice as much."""
MOST_ROUNDS = 4000
PRECISION = 1e-5
"""Of the whole, far below the noise."""


def imputed(picture: Tensor, hidden: Tensor, noise: float = NOISE, seed: int = 0) -> Tensor:
    """The picture with its hidden pixels solved from their neighbours, plus Gaussian noise.

    picture: (channel, row, column). hidden: bool (row, column). Beyond the picture's border there
    are no neighbours: the weights of those that there are count instead. Where all is hidden
    nothing is known, and the mean stands everywhere.

    The linear system (symmetric, positive definite) is solved by conjugate gradients in float64.
    """
    if not hidden.any():
        return picture
    if hidden.all():
        solved = picture.double().mean((1, 2), keepdim=True).expand_as(picture)
    else:
        solved = _solve(picture.double(), hidden)
    generator = torch.Generator().manual_seed(seed)
    grain = noise * torch.randn(picture.shape, generator=generator).to(picture)
    return torch.where(hidden, solved.to(picture) + grain, picture)


def road(
    picture: Tensor,
    cells: Tensor,
    ranked: Tensor,
    score: Score,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> float:
    """(LeRF − MoRF) / 2, the mean over `shares` of hidden cells; higher is better. The rest as for
    `road_pairs`.
    """
    return road_score(road_pairs(picture, cells, ranked, score, shares, seed))


def road_score(pairs: Sequence[tuple[float, float, float]]) -> float:
    """The same from pairs that are there already."""
    return sum(lerf - morf for _, morf, lerf in pairs) / len(pairs) / 2


def road_pairs(
    picture: Tensor,
    cells: Tensor,
    ranked: Tensor,
    score: Score,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> list[tuple[float, float, float]]:
    """(share, MoRF, LeRF) for each share of hidden cells.

    MoRF: the class' probability with the highest cells hidden; LeRF: with the lowest. picture,
    cells, ranked: as for `evidence.curves.curve`.
    """
    place = torch.empty_like(ranked)
    place[ranked] = torch.arange(len(ranked))
    when = torch.where(cells >= 0, place.to(cells.device)[cells.clamp(min=0)], -1)
    pairs = []
    for share in shares:
        count = round(share * len(ranked))
        most = (when >= 0) & (when < count)
        least = when >= len(ranked) - count
        pair = [imputed(picture, hidden, seed=seed) for hidden in (most, least)]
        morf, lerf = score(torch.stack(pair)).double().cpu().tolist()
        pairs.append((share, morf, lerf))
    return pairs


def _neighbours(values: Tensor) -> Tensor:
    """The weighted sum of the eight neighbours; nothing beyond the border.

    With 1/12 across a corner and 1/6 beside, the weights are those of [1, 2, 1] along one axis and
    then along the other, over 12, less 4/12 in the middle: sums of shifted copies, which take a
    hundredth of what a convolution in float64 does.
    """
    down = 2 * values
    down[:, 1:] += values[:, :-1]
    down[:, :-1] += values[:, 1:]
    both = 2 * down
    both[:, :, 1:] += down[:, :, :-1]
    both[:, :, :-1] += down[:, :, 1:]
    return both * ACROSS - values * (4 * ACROSS)


def _guess(known: Tensor, weight: Tensor) -> Tensor:
    """Holes filled from ever coarser means of what is known: a start that the solver has little to
    add to. known: (channel, row, column), zero in holes. weight: (1, row, column), zero in holes.
    """
    height, width = known.shape[1:]
    if min(height, width) < 4:
        mean = known.sum((1, 2), keepdim=True) / weight.sum().clamp(min=1e-12)
        return torch.where(weight > 0, known / weight.clamp(min=1e-12), mean)
    coarse = [F.avg_pool2d(one[None], 2, ceil_mode=True)[0] for one in (known, weight)]
    filled = F.interpolate(
        _guess(*coarse)[None], (height, width), mode="bilinear", align_corners=False
    )[0]
    return torch.where(weight > 0, known / weight.clamp(min=1e-12), filled)


def _solve(picture: Tensor, hidden: Tensor) -> Tensor:
    """Conjugate gradients on W·x − N·x = N·known, x the hidden pixels, W the weights there are."""
    weights = _neighbours(torch.ones_like(picture[:1]))
    mask = hidden.to(picture)
    known = picture * (1 - mask)

    def system(x: Tensor) -> Tensor:
        return (weights * x - _neighbours(x)) * mask

    right = _neighbours(known) * mask
    x = _guess(known, 1 - mask[None]) * mask
    residual = right - system(x)
    direction = residual.clone()
    size = residual.square().sum((1, 2), keepdim=True)
    enough = PRECISION**2 * right.square().sum((1, 2), keepdim=True).clamp(min=1e-30)
    for _ in range(MOST_ROUNDS):
        if bool((size <= enough).all()):
            break
        moved = system(direction)
        step = size / (direction * moved).sum((1, 2), keepdim=True).clamp(min=1e-300)
        x = x + step * direction
        residual = residual - step * moved
        after = residual.square().sum((1, 2), keepdim=True)
        direction = residual + after / size.clamp(min=1e-300) * direction
        size = after
    return x + known
