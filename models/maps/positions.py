"""How alike the positions of two tokens are (Dosovitskiy et al. 2020, figure 7, middle)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.grids import Cells
from fovea.models.kinds.attention.windows import token_at
from fovea.models.records import Map


def similarity(vectors: Tensor, cells: Cells, row: int, column: int) -> Map:
    """The cosine of one patch's position with every other's: values (row, column), on −1…1.

    vectors: (token, dim), what is added to the tokens of every window · cells: (window, token); −1
    is a token without a place, whose own cosine is in the prefix. What lies in other windows is
    NaN. Raises NoPlace, a LookupError, where no token stands for the place.
    """
    grid, (window, token) = cells.grid, token_at(cells, row, column)
    tokens = cells.cells[window].long()
    unit = F.normalize(vectors.float(), dim=1)
    cosine = unit @ unit[token]
    values = torch.full((grid.cells,), torch.nan)
    values[tokens[tokens >= 0]] = cosine[tokens >= 0]
    apart = " in its window" if len(cells.cells) > 1 else ""
    return Map(
        values=values.view(grid.shape),
        axes=grid.axis_names,
        prefix=cosine[tokens < 0],
        grid=grid,
        sentence=f"How alike the position of row {row}, column {column} is to every other's{apart}:"
        " the cosine of the vectors that the network adds to its patches",
    )


def similarity_of_words(vectors: Tensor) -> Map:
    """The cosine of every word's position with every other's: values (query, key), on −1…1.

    vectors: (word, dim), what is added to the words of a sentence.
    """
    unit = F.normalize(vectors.float(), dim=1)
    return Map(
        values=unit @ unit.T,
        axes=("query", "key"),
        prefix=None,
        sentence="How alike the positions of any two words are: the cosine of the vectors that the "
        "network adds to its words",
    )
