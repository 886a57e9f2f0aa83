"""`fovea explain` with the maps positions, received and token-lengths."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fovea.models.catalog.catalog import Catalog
from tests.server.commands.conftest import SUNFLOWER, told


def likeness(encoding: Tensor, token: int) -> np.ndarray:
    """The cosine of one position with each, in float64."""
    vectors = encoding.detach().double()
    return torch.cosine_similarity(vectors[token][None], vectors, dim=1).numpy()


@pytest.mark.usefixtures("here")
def test_positions_of_a_photo_and_of_the_inside_of_its_patches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Catalog().load("tnt").module
    asked = ("explain", SUNFLOWER, "--model", "tnt", "--map", "positions", "--query", "1,2")
    assert told(*asked, "-o", tmp_path / "outer.npy") == 0
    outer = np.load(tmp_path / "outer.npy")
    assert outer.shape == (7, 7)
    expected = likeness(network.positions.encoding(), 1 * 7 + 2)
    np.testing.assert_allclose(outer.flatten(), expected, atol=1e-5)
    # Words of 4 px inside patches of 16 px: those of other patches have no part in it.
    assert told(*asked, "--site", "s05", "-o", tmp_path / "inner.npy") == 0
    inner = np.load(tmp_path / "inner.npy")
    assert inner.shape == (28, 28)
    expected = likeness(network.word_positions.encoding(), 1 * 4 + 2)
    np.testing.assert_allclose(inner[:4, :4].flatten(), expected, atol=1e-5)
    assert np.isnan(inner[4:]).all()
    assert np.isnan(inner[:, 4:]).all()
    capsys.readouterr()
    assert told(*asked, "--site", "s99", "-o", tmp_path / "x.npy") == 2
    assert "There is no site 's99'; valid: s00, s01" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_what_all_tokens_look_at(tmp_path: Path) -> None:
    asked = ("explain", SUNFLOWER, "--model", "vit", "--map", "received", "--layer", "2")
    assert told(*asked, "-o", tmp_path / "mean.npy") == 0
    assert told(*asked, "--head", "all", "-o", tmp_path / "all.npy") == 0
    heads = np.load(tmp_path / "all.npy")
    assert heads.shape == (3, 14, 14)
    np.testing.assert_allclose(np.load(tmp_path / "mean.npy"), heads.mean(0), atol=1e-7)
    assert ((heads.sum((1, 2)) > 0.5) & (heads.sum((1, 2)) < 1)).all()  # the rest: class token


@pytest.mark.usefixtures("here")
def test_token_lengths_after_a_layer(tmp_path: Path) -> None:
    maps = {}
    for name, layer in (("first", "0"), ("last", "-1"), ("left out", None)):
        asked = ("explain", SUNFLOWER, "--model", "vit", "--map", "token-lengths")
        chosen = () if layer is None else ("--layer", layer)
        assert told(*asked, *chosen, "-o", tmp_path / "x.npy") == 0
        maps[name] = np.load(tmp_path / "x.npy")
        assert maps[name].shape == (14, 14)
    np.testing.assert_array_equal(maps["last"], maps["left out"])
    assert (maps["first"] != maps["last"]).all()
