"""Similarity of positional encodings (Dosovitskiy et al. 2020, figure 7, middle)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.grids import Cells
from fovea.models.kinds.attention.windows import token_at
from fovea.models.records import Map


def similarity(vectors: Tensor, cells: Cells, row: int, column: int) -> Map:
    """The cosine between one patch's positional encoding and every other's: values (row, column),
    −1…1.

    vectors: (token, dim), added to the tokens of every window · cells: (window, token); −1 for a
    token without a place, whose cosine goes to the prefix. Other windows are NaN. Raises NoPlace, a
    LookupError, if no token stands for the place.
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
    """The cosine between the positional encodings of all words: values (query, key), −1…1.

    vectors: (word, dim), added to the words of a sentence.
    """
    unit = F.normalize(vectors.float(), dim=1)
    return Map(
        values=unit @ unit.T,
        axes=("query", "key"),
        prefix=None,
        sentence="How alike the positions of any two words are: the cosine of the vectors that the "
        "network adds to its words",
    )
