"""Remove and debias (ROAD): hidden pixels are imputed from their neighbours.

Rong, Leemann, Borisov, Kasneci & Kasneci 2022, "A consistent and efficient evaluation strategy for
attribution methods" (ICML), section 4.2: each hidden pixel is the weighted mean of its eight
neighbours (`imputing`), plus a little noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fovea.models.evidence.curves import Score, rank_of_pixels
from fovea.models.evidence.imputing import solved

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NOISE = 0.01


def imputed(picture: Tensor, hidden: Tensor, noise: float = NOISE, seed: int = 0) -> Tensor:
    """The picture with its hidden pixels imputed, plus Gaussian noise.

    picture: (channel, row, column). hidden: bool (row, column), or (number, row, column) for
    several pictures: (number, channel, row, column). If everything is hidden the mean is used.
    """
    masks = hidden if hidden.dim() == 3 else hidden[None]
    generator = torch.Generator().manual_seed(seed)
    grain = noise * torch.randn(picture.shape, generator=generator).to(picture)
    found = picture.expand(len(masks), *picture.shape).clone()
    everything, nothing = masks.flatten(1).all(1), ~masks.flatten(1).any(1)
    if bool(everything.any()):
        found[everything] = picture.double().mean((1, 2), keepdim=True).to(picture)
    some = ~(everything | nothing)
    if bool(some.any()):
        found[some] = solved(found[some], masks[some]).to(picture)
    found = torch.where(masks[:, None], found + grain, picture)
    return found if hidden.dim() == 3 else found[0]


def road(
    picture: Tensor,
    cells: Tensor,
    ranked: Tensor,
    score: Score,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> float:
    """(LeRF − MoRF) / 2, averaged over `shares` of hidden cells; higher is better. The rest as for
    `road_pairs`.
    """
    return road_score(road_pairs(picture, cells, ranked, score, shares, seed))


def road_score(pairs: Sequence[tuple[float, float, float]]) -> float:
    """The same from given pairs."""
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

    MoRF: the class probability with the highest cells hidden; LeRF: with the lowest. picture,
    cells, ranked: as for `evidence.curves.curve`.
    """
    when = torch.where(cells >= 0, rank_of_pixels(cells, ranked), -1)
    pairs = []
    for share in shares:
        count = round(share * len(ranked))
        most = (when >= 0) & (when < count)
        least = when >= len(ranked) - count
        pair = imputed(picture, torch.stack([most, least]), seed=seed)
        morf, lerf = score(pair).double().cpu().tolist()
        pairs.append((share, morf, lerf))
    return pairs
