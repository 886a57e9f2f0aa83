"""Positions in a ViT: none, learned for each patch, learned for rows and columns."""

import torch
from torch import Tensor, nn

from fovea.models.mechanisms.positions import NoPositions, cosine_similarity_map
from training.claims.claim import Claim
from training.claims.small import vit
from training.loop.task import Task


def similarity_by_place(encoding: Tensor, grid: tuple[int, int]) -> dict[str, float]:
    """The mean cosine similarity between positions in the same row, the same column, and neither.

    encoding: (token, dim), row-major over the (rows, columns) grid. No position is compared with
    itself.
    """
    similarity = cosine_similarity_map(encoding)
    index = torch.arange(grid[0] * grid[1], device=encoding.device)
    row, column = index // grid[1], index % grid[1]
    same_row, same_column = row[:, None] == row, column[:, None] == column
    means = {
        "same_row": similarity[same_row & ~same_column],
        "same_column": similarity[same_column & ~same_row],
        "elsewhere": similarity[~same_row & ~same_column],
    }
    return {f"similarity_{name}": values.mean().item() for name, values in means.items()}


@torch.no_grad()
def structure(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """How clearly rows and columns appear in the positional encoding of a trained ViT."""
    positions = network.positions
    if isinstance(positions, NoPositions):
        return {}
    return similarity_by_place(positions.encoding(), network.grid_size)  # type: ignore[operator, union-attr, arg-type]


CLAIM = Claim(
    id="positions",
    sentence="Positions help a ViT; learned 1-D and 2-D ones are alike; patches of one row or one "
    "column have learned positions more similar than others.",
    source="Dosovitskiy et al. 2020, appendix D.4 and figure 7",
    # The ViT's default is learned 1-D positions.
    variants={
        "none": vit(positions="none"),
        "learned_1d": vit(),
        "learned_2d": vit(positions="learned_2d"),
    },
    measure=structure,
)
