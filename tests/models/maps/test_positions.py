"""How alike two positions are, against the cosine in float64."""

import pytest
import torch

from fovea.models.grids import Cells, PatchGrid
from fovea.models.maps.positions import similarity, similarity_of_words

GRID = PatchGrid(3, 4)
VECTORS = torch.randn(13, 6, generator=torch.Generator().manual_seed(0))
CELLS = Cells(torch.tensor([[-1, *range(12)]]), GRID)


def test_it_is_the_cosine() -> None:
    found = similarity(VECTORS, CELLS, 1, 2)
    exact = VECTORS.double()
    unit = exact / exact.square().sum(1, keepdim=True).sqrt()
    expected = unit @ unit[1 + 6]
    torch.testing.assert_close(found.values.double().flatten(), expected[1:], atol=1e-6, rtol=0)
    assert found.prefix is not None
    torch.testing.assert_close(found.prefix.double(), expected[:1], atol=1e-6, rtol=0)
    assert found.values[1, 2] == pytest.approx(1, abs=1e-6)
    assert "row 1, column 2" in found.sentence


def test_what_is_outside_or_empty_says_so() -> None:
    with pytest.raises(LookupError, match="row 3, column 0"):
        similarity(VECTORS, CELLS, 3, 0)
    missing = Cells(torch.tensor([[-1, *range(11), -1]]), GRID)
    with pytest.raises(LookupError, match="row 2, column 3"):
        similarity(VECTORS, missing, 2, 3)
    assert similarity(VECTORS, missing, 0, 0).values[2, 3].isnan()


def test_of_words_every_pair_is_told() -> None:
    exact = VECTORS.double()
    unit = exact / exact.square().sum(1, keepdim=True).sqrt()
    found = similarity_of_words(VECTORS)
    torch.testing.assert_close(found.values.double(), unit @ unit.T, atol=1e-6, rtol=0)
    assert found.axes == ("query", "key")


def test_inside_windows_the_others_are_left_out() -> None:
    """Two windows of 3 x 2 side by side, which get the same six vectors."""
    columns = torch.tensor([0, 1, 4, 5, 8, 9])
    windows = Cells(torch.stack([columns, columns + 2]), GRID)
    found = similarity(VECTORS[:6], windows, 1, 2)
    exact = VECTORS[:6].double()
    unit = exact / exact.square().sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(
        found.values[:, 2:].double().flatten(), unit @ unit[2], atol=1e-6, rtol=0
    )
    assert found.values[:, :2].isnan().all()
    assert "in its window" in found.sentence
