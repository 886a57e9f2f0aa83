"""The positional encodings of a network, found in one pass over a photo or a sentence."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from fovea.models.places.layout import merged
from fovea.models.places.positions import Positions, positions
from fovea.models.records import Words


def positions_of(
    module: nn.Module, inputs: Tensor, words: Tensor | None = None
) -> tuple[Positions, ...]:
    """What the network adds to its tokens so that they know their place, in the order in which it
    adds it; empty where it adds none.

    inputs: (1, channel, height, width), or (1, word) for a network that reads sentences · words:
    (1, word), what the decoder reads, for one that writes. Cells are counted in the grid that they
    fill; a sentence is a grid of one row.
    """
    more = () if words is None else (words,)
    sentences: tuple[Words, ...] = ("source", "read") if inputs.ndim == 2 else ("read",)
    found = positions(module, inputs, *more, sentences=sentences)
    return tuple(one if one.words else replace(one, cells=merged(one.cells)) for one in found)
