"""Positional encodings: the sinusoid's formula, the grid of the 2-D one, similarity."""

import math

import numpy as np
import pytest
import torch

from fovea.models.mechanisms.positions import (
    POSITIONS,
    LearnedPositions2D,
    build_positions,
    cosine_similarity_map,
    sinusoidal_table,
)


def test_the_sinusoid_follows_section_3_5() -> None:
    expected = np.empty((11, 8))
    for position in range(11):
        for pair in range(4):
            angle = position / 10000 ** (2 * pair / 8)
            expected[position, 2 * pair] = math.sin(angle)
            expected[position, 2 * pair + 1] = math.cos(angle)
    np.testing.assert_allclose(sinusoidal_table(11, 8).numpy(), expected, atol=1e-7)


def test_sinusoidal_likeness_depends_on_the_distance_alone() -> None:
    likeness = cosine_similarity_map(sinusoidal_table(20, 64))
    for distance in range(20):
        diagonal = likeness.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))


def test_a_2d_position_is_its_row_beside_its_column() -> None:
    positions = LearnedPositions2D((3, 5), 8)
    encoding = positions.encoding()
    for row in range(3):
        for column in range(5):
            vector = torch.cat([positions.rows[row], positions.columns[column]])
            torch.testing.assert_close(encoding[row * 5 + column], vector)


def test_cosine_similarity_is_the_dot_product_over_the_lengths() -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 4))
    lengths = np.linalg.norm(vectors, axis=1)
    expected = vectors @ vectors.T / np.outer(lengths, lengths)
    got = cosine_similarity_map(torch.from_numpy(vectors))
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", POSITIONS)
def test_every_encoding_is_added_to_the_tokens(name: str) -> None:
    positions = build_positions(name, (2, 3), 8)
    tokens = torch.randn(4, 6, 8)
    added = positions(tokens) - tokens
    if name == "none":
        assert not added.any()
    else:
        torch.testing.assert_close(added, positions.encoding().expand_as(tokens))


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="none, sinusoidal, learned_1d, learned_2d"):
        build_positions("rotary", (2, 2), 8)


@pytest.mark.parametrize("name", ["sinusoidal", "learned_2d"])
def test_an_odd_width_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="even dim"):
        build_positions(name, (2, 2), 7)
