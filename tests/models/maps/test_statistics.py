"""Entropy and attention distance by their definitions, with plain loops."""

import math

import pytest
import torch

from models.maps.statistics import attention_distance, entropy
from models.records import Attention, PatchGrid


def test_entropy_of_known_rows() -> None:
    matrix = torch.tensor([[[[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]]]])
    got = entropy(Attention(probabilities=matrix))
    assert got[0].tolist() == pytest.approx([0.0, math.log(4), math.log(2)])


@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_attention_distance_equals_the_double_sum(prefix: int) -> None:
    grid, cell_px = PatchGrid(3, 4), (16.0, 8.0)
    tokens = grid.cells + prefix
    matrix = torch.rand(1, 2, tokens, tokens).softmax(-1)
    for head in range(2):
        total = 0.0
        for i in range(grid.cells):
            for j in range(grid.cells):
                down = (i // 4 - j // 4) * cell_px[0]
                across = (i % 4 - j % 4) * cell_px[1]
                total += matrix[0, head, prefix + i, prefix + j].item() * math.hypot(down, across)
        got = attention_distance(Attention(probabilities=matrix), grid, cell_px, prefix)
        assert got[head].item() == pytest.approx(total / grid.cells, rel=1e-5)


def test_looking_only_at_oneself_reaches_nowhere() -> None:
    matrix = torch.eye(12)[None, None]
    assert attention_distance(Attention(probabilities=matrix), PatchGrid(3, 4), (16, 16), 0) == 0
