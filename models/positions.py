"""The positional encodings of a network, found in one pass over a photo of its input size."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from models.capture.positions import Positions, positions
from models.layout import merged


def positions_of(
    module: nn.Module, inputs: Tensor, words: Tensor | None = None
) -> tuple[Positions, ...]:
    """What the network adds to the tokens of a photo so that they know their place, in the order in
    which it adds it; empty where it adds none.

    inputs: (1, channel, height, width) · words: (1, word), for one that writes. Cells are counted
    in the grid that they fill.
    """
    more = () if words is None else (words,)
    found = positions(module, inputs, *more)
    return tuple(replace(one, cells=merged(one.cells)) for one in found)
