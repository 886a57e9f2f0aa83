"""The score functions against their formulas in float64 NumPy, and as capture sees them."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from fovea.models.mechanisms.attention import MultiHeadAttention
from fovea.models.mechanisms.scores import SCORES, build_scores
from fovea.models.networks import build
from fovea.models.running.inference import run

Array = NDArray[np.float64]
ROOT_D = np.sqrt(4)


def dot(query: Array, key: Array, scores: object) -> Array:
    return np.einsum("bhqd,bhkd->bhqk", query, key) / ROOT_D


def cosine(query: Array, key: Array, scores: object) -> Array:
    beta = scores.log_beta.detach().exp().numpy()
    lengths = (np.linalg.norm(query, axis=3)[..., None], np.linalg.norm(key, axis=3)[:, :, None])
    return beta * np.einsum("bhqd,bhkd->bhqk", query, key) / (lengths[0] * lengths[1])


def additive(query: Array, key: Array, scores: object) -> Array:
    v = scores.v.detach().numpy()[:, 0, :, 0]
    return np.einsum("hd,bhqkd->bhqk", v, np.tanh(query[:, :, :, None] + key[:, :, None]))


FORMULAS = {"dot": dot, "cosine": cosine, "additive": additive}


def softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("kind", ["open", "masked", "causal"])
@torch.no_grad()
def test_each_follows_its_formula(name: str, kind: str) -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 2, 3, 5, 4, dtype=torch.float64)
    value = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    allowed = torch.ones(5, 5, dtype=torch.bool)
    if kind == "masked":
        allowed[:, 3:] = False
    if kind == "causal":
        allowed = allowed.tril()
    scores = build_scores(name, heads=3, head_dim=4).double()
    for parameter in scores.parameters():  # each head a value of its own
        parameter.add_(torch.rand_like(parameter))
    got = scores.attend(query, key, value, allowed if kind == "masked" else None, kind == "causal")
    compared = FORMULAS[name](query.numpy(), key.numpy(), scores)
    expected = softmax(np.where(allowed.numpy(), compared, -np.inf)) @ value.numpy()
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=1e-12)


def probabilities(network: torch.nn.Module, x: Tensor) -> list[Tensor]:
    """Of every block, from the tokens that reach it: the formula on the layer's projections."""
    tokens = torch.cat(
        [network.class_token, network.positions(network.patches(x).flatten(2).transpose(1, 2))], 1
    )
    found = []
    for block in network.blocks:
        layer, normed = block.attention, block.norm1(tokens)
        query, key = layer.split(layer.query(normed)), layer.split(layer.key(normed))
        name = next(n for n, made in SCORES.items() if isinstance(layer.scores, made))
        compared = FORMULAS[name](query.numpy(), key.numpy(), layer.scores)
        found.append(torch.from_numpy(softmax(compared)))
        tokens = block(tokens)
    return found


@pytest.mark.parametrize("name", SCORES)
@torch.no_grad()
def test_what_is_captured_is_what_was_computed_and_has_its_places(name: str) -> None:
    torch.manual_seed(0)
    network = build("vit", classes=3, image_size=16, patch_size=4, dim=8, heads=2, depth=2,
                    scores=name).double().eval()  # fmt: skip
    x = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    _, (trace,) = run(network, x)
    assert [site.name for site in trace.sites] == ["blocks.0.attention", "blocks.1.attention"]
    for site, expected in zip(trace.sites, probabilities(network, x), strict=True):
        kept = site.attention
        matrix = kept.probabilities
        if matrix is None:
            matrix = (kept.scale * kept.query @ kept.key.transpose(2, 3)).softmax(dim=3)
        torch.testing.assert_close(matrix, expected, rtol=0, atol=1e-12)
        assert site.grid is not None
        assert (site.grid.rows, site.grid.columns, site.prefix_tokens) == (4, 4, 1)


@pytest.mark.parametrize("name", SCORES)
def test_every_parameter_of_a_score_function_learns(name: str) -> None:
    torch.manual_seed(0)
    layer = MultiHeadAttention(dim=8, heads=2, scores=name)
    layer(torch.randn(2, 5, 8)).square().sum().backward()
    for path, parameter in layer.named_parameters():
        if path != "key.bias" or name == "additive":  # a softmax of dot products forgets the former
            assert parameter.grad is not None, path
            assert parameter.grad.abs().max() > 0, path


def test_the_dot_product_adds_nothing_to_a_checkpoint() -> None:
    names = set(MultiHeadAttention(dim=8, heads=2).state_dict())
    assert names == {f"{n}.{p}" for n in ("query", "key", "value", "output") for p in
                     ("weight", "bias")}  # fmt: skip


def test_unknown_scores_list_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="dot, cosine, additive"):
        MultiHeadAttention(dim=8, heads=2, scores="bilinear")
