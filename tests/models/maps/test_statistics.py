"""Entropy and attention distance by their definitions, with plain loops."""

import math

import pytest
import torch

from models.maps.attention import columns, rows
from models.maps.statistics import attention_distance, entropy
from models.records import Attention, PatchGrid
from tests.models.maps.conftest import Exact, close


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


def test_rows_columns_and_numbers_of_real_layers(exact: Exact) -> None:
    """From query and key, against the float64 network's own matrices."""
    for site, matrix in zip(exact.trace.sites, exact.matrices, strict=True):
        assert close(rows(site.attention), matrix)
        some = torch.tensor([0, exact.prefix + 2])
        assert close(columns(site.attention, some), matrix[:, :, some].transpose(1, 2))
        assert close(entropy(site.attention), -(matrix * matrix.log()).nan_to_num(0).sum(-1))
        grid, prefix = site.grid, exact.prefix
        place = torch.arange(grid.cells)
        row, column = (place // grid.columns).double() * 16, (place % grid.columns).double() * 8
        distance = torch.hypot(row[:, None] - row, column[:, None] - column)
        expected = (matrix[:, prefix:, prefix:] * distance).sum(-1).mean(-1)
        assert close(attention_distance(site.attention, grid, (16, 8), prefix), expected)
