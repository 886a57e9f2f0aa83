"""Entropy and attention distance by their definitions, with plain loops."""

import math

import pytest
import torch
from torch import Tensor

from fovea.models.grids import Cells, Layout, PatchGrid
from fovea.models.kinds.attention.rows import columns, rows
from fovea.models.kinds.attention.windows import NoPlace
from fovea.models.maps.statistics import attention_distance, entropy, entropy_share
from fovea.models.records import Attention
from tests.models.maps.conftest import Exact, close


def test_entropy_of_known_rows() -> None:
    matrix = torch.tensor([[[[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]]]])
    got = entropy(Attention(probabilities=matrix))
    assert got[0].tolist() == pytest.approx([0.0, math.log(4), math.log(2)])


def test_the_queries_of_one_window_follow_those_of_another() -> None:
    matrix = torch.rand(3, 2, 4, 5).softmax(-1)
    one_by_one = [entropy(Attention(probabilities=window[None])) for window in matrix]
    assert torch.equal(entropy(Attention(probabilities=matrix)), torch.cat(one_by_one, dim=1))


@pytest.mark.parametrize("ruled_out", [-100.0, -torch.inf, torch.finfo(torch.float32).min])
def test_the_largest_entropy_is_that_of_the_keys_that_may_be_looked_at(ruled_out: float) -> None:
    """Even shares are the largest possible, however many keys a mask leaves."""
    left = torch.tensor([4, 3, 2, 1])
    mask = torch.where(torch.arange(4) < left[:, None], 0.0, ruled_out)
    even = torch.zeros(1, 2, 4, 8)
    got = entropy_share(Attention(query=even, key=even, mask=mask.view(1, 1, 4, 4)))
    assert got[:, :3].flatten().tolist() == pytest.approx([1.0] * 6)
    assert got[:, 3].isnan().all(), "one key is no choice"


def test_the_share_of_words_that_see_no_later_word() -> None:
    generator = torch.Generator().manual_seed(0)
    words = torch.randn(1, 1, 5, 8, generator=generator)
    held = Attention(query=words, key=words, causal=True, scale=0.3)
    got = entropy_share(held)[0]
    for word, row in enumerate(rows(held)[0].double()):
        own = row[: word + 1]
        assert word == 0 or got[word] == pytest.approx(
            -(own * own.log()).sum().item() / math.log(word + 1), rel=1e-5
        )


def layout_of(queries: Cells, keys: Cells | None = None) -> Layout:
    return Layout(queries, keys or queries)


def in_order(grid: PatchGrid, prefix: int) -> Cells:
    tokens = torch.cat((torch.full((prefix,), -1), torch.arange(grid.cells)))
    return Cells(tokens[None], grid)


def by_the_double_sum(matrix: Tensor, layout: Layout, input_px: tuple[float, float]) -> float:
    """matrix: (window, query, key)."""
    total, count = 0.0, 0

    def centre(cells: Cells, cell: int) -> tuple[float, float]:
        row, column = divmod(cell, cells.grid.columns)
        down, across = input_px[0] / cells.grid.rows, input_px[1] / cells.grid.columns
        return (row + 0.5) * down, (column + 0.5) * across

    assert layout.queries is not None
    assert layout.keys is not None
    for window, (asking, answering) in enumerate(
        zip(layout.queries.cells.tolist(), layout.keys.cells.tolist(), strict=True)
    ):
        for i, query in enumerate(asking):
            if query < 0:
                continue
            count += 1
            for j, key in enumerate(answering):
                if key >= 0:
                    here, there = centre(layout.queries, query), centre(layout.keys, key)
                    total += matrix[window, i, j].item() * math.dist(here, there)
    return total / count


@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_attention_distance_equals_the_double_sum(prefix: int) -> None:
    layout = layout_of(in_order(PatchGrid(3, 4), prefix))
    matrix = torch.rand(1, 2, 12 + prefix, 12 + prefix).softmax(-1)
    got = attention_distance(Attention(probabilities=matrix), layout, (48.0, 32.0))
    for head in range(2):
        expected = by_the_double_sum(matrix[:, head], layout, (48.0, 32.0))
        assert got[head].item() == pytest.approx(expected, rel=1e-5)


def test_windows_and_coarser_keys_are_measured_where_they_lie() -> None:
    cells, coarse = torch.arange(16).view(4, 4), PatchGrid(2, 2)
    halves = Cells(torch.stack((cells[:, :2].flatten(), cells[:, 2:].flatten())), PatchGrid(4, 4))
    whole = Cells(cells.flatten()[None], PatchGrid(4, 4))
    for layout, shape in (
        (layout_of(halves), (2, 3, 8, 8)),
        (layout_of(whole, in_order(coarse, 1)), (1, 3, 16, 5)),
    ):
        matrix = torch.rand(shape).softmax(-1)
        got = attention_distance(Attention(probabilities=matrix), layout, (20.0, 40.0))
        for head in range(3):
            expected = by_the_double_sum(matrix[:, head], layout, (20.0, 40.0))
            assert got[head].item() == pytest.approx(expected, rel=1e-5)


def test_looking_only_at_oneself_reaches_nowhere() -> None:
    matrix = torch.eye(196)[None, None]
    layout = layout_of(in_order(PatchGrid(14, 14), 0))
    assert attention_distance(Attention(probabilities=matrix), layout, (224, 224)) == 0


def test_what_has_no_places_has_no_distance() -> None:
    attention = Attention(probabilities=torch.ones(1, 1, 1, 4) / 4)
    placed = in_order(PatchGrid(2, 2), 0)
    for queries in (None, Cells(torch.tensor([[-1]]), PatchGrid(2, 2))):
        with pytest.raises(NoPlace):
            attention_distance(attention, Layout(queries, placed), (8, 8))


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
        input_px = grid.rows * 16, grid.columns * 8
        assert close(attention_distance(site.attention, site.layout, input_px), expected)
